import { isIPv6 } from 'node:net';
import { type Digest, parseDigest } from '../../store/index.ts';
import { ConvertError } from '../error.ts';

/**
 * The name of an image in a registry, in full (the grammar of the distribution project's
 * `reference` package, and IPv6 hosts besides). Made by `parseReference` only.
 */
export type Reference = ReferenceParts & { readonly __brand: 'Reference' };

interface ReferenceParts {
  /** `host[:port]` in lower case, an IPv6 host in brackets. Docker Hub is always `docker.io`. */
  readonly registry: string;
  /** Without the registry; `library/` is written out. */
  readonly repository: string;
  /** `latest` when neither a tag nor a digest is given. */
  readonly tag?: string;
  /** Wins over the tag, which is then for people only. */
  readonly digest?: Digest;
}

const dockerHosts: readonly string[] = ['docker.io', 'index.docker.io', 'registry-1.docker.io'];
const hostName = /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
const pathComponent = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tagGrammar = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** A user, and maybe a password, before a host; an image's name there has a digest behind the "@". */
const userInfo = /^([a-z][a-z0-9+.-]*:\/\/|)[^/@]*@(?!sha\d+:)/i;

/** Characters of registry and repository together. */
const nameLimit = 255;

/**
 * Reads `[HOST[:PORT]/]NAME[:TAG][@DIGEST]`. The first component is a host when it has a dot or a
 * port or is `localhost`; otherwise the image is Docker Hub's. (Unlike docker, which takes `Foo/bar`
 * to be on a host `foo`, a capital does not make a host: nobody is asked for a misspelt name.)
 * @throws ConvertError `REFERENCE_INVALID`, saying which part is wrong.
 */
export function parseReference(text: string): Reference {
  const refuse = refusal(text);
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0];
  if (scheme !== undefined) {
    throw refuse(`wanted it without ${JSON.stringify(scheme)}`);
  }
  const [named = '', digestText, ...rest] = text.split('@');
  if (rest.length > 0) {
    throw refuse('wanted at most one "@"');
  }
  if (userInfo.test(text)) {
    throw refuse('found a user before the host, wanted none (osv-convert login HOST keeps them)');
  }
  const digest = digestText === undefined ? undefined : digestOf(digestText, refuse);
  const colon = named.lastIndexOf(':');
  const tagged = colon > named.lastIndexOf('/') && !named.endsWith(']');
  const name = tagged ? named.slice(0, colon) : named;
  const tag = tagged ? named.slice(colon + 1) : undefined;
  if (tag !== undefined && !tagGrammar.test(tag)) {
    throw refuse(
      `found the tag ${shown(tag)}, wanted 1 to 128 letters, digits, "_", "." or "-", not beginning with "." or "-"`,
    );
  }
  const { registry, repository } = splitName(name, refuse);
  const parts: ReferenceParts = {
    registry,
    repository,
    ...(digest !== undefined && { digest }),
    ...(tag !== undefined && { tag }),
    ...(digest === undefined && tag === undefined && { tag: 'latest' }),
  };
  return parts as Reference;
}

/** The full name: `docker.io/library/nginx:1.29`. Parsing it gives an equal reference. */
export function formatReference({ registry, repository, tag, digest }: Reference): string {
  const tagged = tag === undefined ? '' : `:${tag}`;
  return `${registry}/${repository}${tagged}${digest === undefined ? '' : `@${digest}`}`;
}

/** Host and port of a reference's registry, the host without brackets. */
export function splitRegistry(registry: string): {
  readonly host: string;
  readonly port: number | undefined;
} {
  const parts = /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(registry);
  const port = parts?.[3];
  return {
    host: parts?.[1] ?? parts?.[2] ?? '',
    port: port === undefined ? undefined : Number(port),
  };
}

type Refuse = (problem: string) => ConvertError;

function splitName(name: string, refuse: Refuse) {
  const slash = name.indexOf('/');
  const first = slash === -1 ? '' : name.slice(0, slash);
  const isHost = /[.:[]/.test(first) || first === 'localhost';
  const host = isHost ? parseHost(first, refuse) : 'docker.io';
  const path = isHost ? name.slice(slash + 1) : name;
  const registry = dockerHosts.includes(host) ? 'docker.io' : host;
  const official = registry === 'docker.io' && !path.includes('/');
  const repository = official ? `library/${path}` : path;
  if (path === '') {
    throw refuse('found no image name');
  }
  const wrong = path.split('/').find((component) => !pathComponent.test(component));
  if (wrong !== undefined) {
    const wanted = /[A-Z]/.test(wrong)
      ? 'wanted lower case'
      : 'wanted lower-case letters and digits, joined by ".", "_", "__" or "-"';
    throw refuse(`found the name component ${shown(wrong)}, ${wanted}`);
  }
  if (official && /^[0-9a-f]{64}$/.test(path)) {
    throw refuse('found 64 hex digits, wanted a name (a digest goes after NAME@sha256:)');
  }
  const length = registry.length + 1 + repository.length;
  if (length > nameLimit) {
    throw refuse(`found a name of ${length} characters, wanted at most ${nameLimit}`);
  }
  return { registry, repository };
}

function parseHost(text: string, refuse: Refuse): string {
  const registry = text.toLowerCase();
  const { host, port } = splitRegistry(registry);
  const valid = registry.startsWith('[')
    ? isIPv6(host) && !host.includes('%')
    : hostName.test(host) && isHostOfUrl(host);
  if (!valid) {
    throw refuse(`found the host ${shown(text)}, wanted HOST, HOST:PORT or [IPV6]:PORT`);
  }
  if (port !== undefined && (port < 1 || port > 65535)) {
    throw refuse(`found the port ${port}, wanted 1 to 65535`);
  }
  return port === undefined ? registry : registry.replace(/:\d+$/, `:${port}`);
}

/** Not all names are: a last label of digits makes an IPv4 address, written out or broken. */
function isHostOfUrl(host: string): boolean {
  const url = `https://${host}`;
  return URL.canParse(url) && new URL(url).hostname === host;
}

function digestOf(text: string, refuse: Refuse): Digest {
  try {
    return parseDigest(text);
  } catch {
    throw refuse(`found the digest ${shown(text)}, wanted "sha256:" and 64 lower-case hex digits`);
  }
}

function refusal(text: string): Refuse {
  return (problem) =>
    new ConvertError('REFERENCE_INVALID', `reading the reference ${shown(text)}: ${problem}`, {
      hint: 'write it as [HOST[:PORT]/]NAME[:TAG][@sha256:DIGEST], such as mcr.microsoft.com/dotnet/samples:aspnetapp',
    });
}

/** As it may be shown: of a user and a password, where a URL has them, nothing. */
function shown(text: string): string {
  const plain = text.replace(userInfo, '$1…@');
  return JSON.stringify(plain.length > 120 ? `${plain.slice(0, 120)}…` : plain);
}
