/** What a request is for. `data` is the host that blobs are redirected to. */
export type Endpoint =
  | 'ping'
  | 'manifest'
  | 'blob'
  | 'upload'
  | 'tags'
  | 'referrers'
  | 'token'
  | 'data';

/** How an answer goes wrong. Bodies keep their declared length unless the fault is about it. */
export type Flaw =
  /** Another status, with headers and a body of the caller's. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** Other bytes in place of the right ones, told with their true length. */
  | { readonly kind: 'body'; readonly body: string | Uint8Array }
  /** The connection breaks after `after` bytes of the body. */
  | { readonly kind: 'drop'; readonly after: number }
  /** The body ends early, and Content-Length agrees with the lie. */
  | { readonly kind: 'truncate'; readonly to: number }
  /** Content-Length says `delta` more bytes than there are; then the connection ends. */
  | { readonly kind: 'length'; readonly delta: number }
  /** The first byte is another one. */
  | { readonly kind: 'corrupt' }
  /** Nothing more comes after `after` bytes, and the connection stays open. */
  | { readonly kind: 'stall'; readonly after: number }
  /** The body comes in pieces of `bytes`, a pause of `pause` milliseconds before each. */
  | { readonly kind: 'trickle'; readonly bytes: number; readonly pause: number }
  /** Answered in full although a Range was asked for. */
  | { readonly kind: 'ignore-range' }
  /** A Range other than the one asked for. */
  | { readonly kind: 'wrong-range' }
  /** Sent in chunks, without Content-Length. */
  | { readonly kind: 'chunked' }
  /** Headers added to the right answer. */
  | { readonly kind: 'headers'; readonly headers: Readonly<Record<string, string>> }
  /** The connection breaks after `after` bytes of the request's body, which are kept. */
  | { readonly kind: 'break-upload'; readonly after: number }
  /** Sent elsewhere. */
  | { readonly kind: 'redirect'; readonly location: string; readonly status?: number };

export interface Fault {
  readonly on: Endpoint;
  /** Only requests whose path contains this. */
  readonly path?: string;
  readonly method?: string;
  /** How many requests it lets pass first; none unless given. */
  readonly skip?: number;
  /** How many requests it strikes; every one unless given. */
  readonly times?: number;
  readonly flaw: Flaw;
}

/** Hands out, request by request, the flaws that strike it, in the order the faults are listed. */
export function createFaults(
  faults: readonly Fault[],
): (on: Endpoint, path: string, method?: string) => Flaw[] {
  const met = faults.map((fault) => ({ ...fault, requests: 0 }));
  return (on, path, method = 'GET') => {
    const meant = met.filter(
      (fault) =>
        fault.on === on && path.includes(fault.path ?? '') && method === (fault.method ?? method),
    );
    for (const fault of meant) {
      fault.requests += 1;
    }
    return meant.filter(strikesNow).map((fault) => fault.flaw);
  };
}

function strikesNow({
  skip = 0,
  times = Number.POSITIVE_INFINITY,
  requests,
}: Fault & { readonly requests: number }): boolean {
  return requests > skip && requests <= skip + times;
}
