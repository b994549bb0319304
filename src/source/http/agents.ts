/** What is used of undici, in a module that is loaded at the first request. */
export { Agent, ProxyAgent } from 'undici';
