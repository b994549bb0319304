// In the place of what undici has for HTTP/2, which it comes to only where that was offered.
module.exports = () => {
  throw new Error('found HTTP/2, wanted HTTP/1.1, which alone was offered');
};
