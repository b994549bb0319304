import { gzipSync } from 'node:zlib';
import type { ErrorCode } from '../../src/error.ts';
import { buildImage, buildIndex } from '../support/image.ts';
import { file } from '../support/layers.ts';
import type { Fault, Flaw } from '../support/registry/faults.ts';
import type { RegistryOptions } from '../support/registry/registry.ts';
import { seededRandom } from '../support/seeded-random.ts';

const random = seededRandom(11);
const noise = Buffer.from(Array.from({ length: 300_000 }, () => random() * 256));
const app = buildImage({ layers: [[file('base', 'shared')], [file('app', noise)]] });
export const image = buildIndex([app]);
const large = app.layers[1]?.descriptor.digest ?? image.root.digest;

/** The index is asked for by its tag, all else by digest; the layer is the larger of two. */
const digests = {
  index: image.root.digest,
  manifest: app.root.digest,
  config: app.config.digest,
  layer: large,
};
type Target = keyof typeof digests;
const documents: readonly Target[] = ['index', 'manifest'];
const blobs: readonly Target[] = ['config', 'layer'];

function bytesOf(target: Target): Uint8Array {
  const bytes = image.blobs.get(digests[target]);
  if (bytes === undefined) throw new Error(`the image has no ${target}`);
  return bytes;
}

export type End = 'success' | ErrorCode;

interface Row {
  readonly when: string;
  /** What goes wrong at first, or always; `elsewhere` is an origin that refuses Authorization. */
  readonly flaws: (target: Target, elsewhere: string) => readonly Flaw[];
  /** What is wrong in either case. */
  readonly besides?: readonly Flaw[];
  /** What is asked for when it goes wrong; all unless given. */
  readonly on?: readonly Target[];
  /** Where it goes wrong, if not where the target is asked for. */
  readonly at?: 'data' | 'token';
  /** How often it goes wrong when it is not for ever; once unless given. */
  readonly burst?: number;
  /** How a pull ends when it goes wrong at first, and when it always does. */
  readonly ends: readonly [End, End];
  /** The same for what a tag means, whose size nobody knows beforehand, so that no Range is asked for. */
  readonly byTag?: readonly [End, End];
  readonly registry?: Partial<RegistryOptions>;
}

const status = (code: number, more: Partial<Extract<Flaw, { kind: 'status' }>> = {}): Flaw => ({
  kind: 'status',
  status: code,
  ...more,
});
/** So far that three times is not far enough. */
const drop = (target: Target): Flaw => ({ kind: 'drop', after: bytesOf(target).length >> 2 });
const auth = { service: 'registry.test' };
/** Index, manifest, config and two layers. */
const requestsOfAPull = 5;
const gzipped: Flaw = { kind: 'headers', headers: { 'content-encoding': 'gzip' } };
const gzippedBody = (target: Target): Flaw => ({ kind: 'body', body: gzipSync(bytesOf(target)) });
const [broken, wrongSize, wrongDigest] = [
  'REGISTRY_UNREACHABLE',
  'SIZE_MISMATCH',
  'DIGEST_MISMATCH',
] as const;

const rows: readonly Row[] = [
  {
    when: 'the connection drops in the middle',
    flaws: (target) => [drop(target)],
    ends: ['success', broken],
  },
  {
    when: 'the connection drops before the first byte',
    flaws: () => [{ kind: 'drop', after: 0 }],
    on: ['index', 'layer'],
    ends: ['success', broken],
  },
  {
    when: 'fewer bytes come, and Content-Length agrees',
    flaws: () => [{ kind: 'truncate', to: 20 }],
    ends: ['success', wrongSize],
    byTag: [wrongDigest, wrongDigest],
  },
  {
    when: 'Content-Length is too small',
    flaws: () => [{ kind: 'length', delta: -5 }],
    on: ['index', 'layer'],
    ends: ['success', wrongSize],
    byTag: [wrongDigest, wrongDigest],
  },
  {
    when: 'Content-Length is too large',
    flaws: () => [{ kind: 'length', delta: 5 }],
    on: ['index', 'layer'],
    ends: [wrongSize, wrongSize],
    byTag: ['success', broken],
  },
  {
    when: 'more bytes come, and Content-Length agrees',
    flaws: (target) => [
      { kind: 'body', body: Buffer.concat([bytesOf(target), Buffer.from('more')]) },
    ],
    ends: [wrongSize, wrongSize],
    byTag: [wrongDigest, wrongDigest],
  },
  {
    when: 'the digest is wrong',
    flaws: () => [{ kind: 'corrupt' }],
    ends: [wrongDigest, wrongDigest],
  },
  {
    when: 'the rate is limited, with Retry-After',
    flaws: () => [status(429, { headers: { 'retry-after': '20' } })],
    ends: ['success', 'REGISTRY_RATE_LIMITED'],
  },
  {
    when: 'the server fails in a burst',
    flaws: () => [status(500)],
    burst: 2,
    ends: ['success', 'REGISTRY_FAILED'],
  },
  {
    when: 'the body trickles',
    flaws: () => [{ kind: 'trickle', bytes: 1, pause: 5 }],
    ends: ['success', broken],
  },
  {
    when: 'the body comes slowly',
    flaws: () => [{ kind: 'trickle', bytes: 10_000, pause: 10 }],
    ends: ['success', 'success'],
  },
  {
    when: 'a redirect leads to an origin that refuses Authorization',
    flaws: (target, elsewhere) => [
      { kind: 'redirect', location: `${elsewhere}/data/${digests[target]}` },
    ],
    ends: ['success', 'success'],
    registry: { auth },
  },
  {
    when: 'the connection to the data host drops in the middle',
    flaws: (target) => [drop(target)],
    at: 'data',
    on: blobs,
    ends: ['success', broken],
    registry: { auth, dataHost: true },
  },
  {
    when: 'the data host refuses the redirect',
    flaws: () => [status(403)],
    at: 'data',
    on: blobs,
    ends: ['REGISTRY_FAILED', 'REGISTRY_FAILED'],
    registry: { auth, dataHost: true },
  },
  {
    when: 'the connection drops in the middle, and the token has expired',
    flaws: (target) => [drop(target)],
    on: ['layer'],
    ends: ['success', broken],
    registry: { auth: { ...auth, uses: requestsOfAPull } },
  },
  {
    when: 'a token expires, and the token server fails',
    flaws: () => [status(503)],
    at: 'token',
    on: ['layer'],
    ends: ['success', 'REGISTRY_FAILED'],
    registry: { auth: { ...auth, uses: 2 } },
  },
  {
    when: 'a token expires, and the token server gives no other',
    flaws: () => [status(401)],
    at: 'token',
    on: ['layer'],
    ends: ['AUTH_REQUIRED', 'AUTH_REQUIRED'],
    registry: { auth: { ...auth, uses: 2 } },
  },
  {
    when: 'the connection drops, and the Range is ignored',
    flaws: (target) => [drop(target)],
    besides: [{ kind: 'ignore-range' }],
    ends: ['success', broken],
  },
  {
    when: 'the connection drops, and another range comes',
    flaws: (target) => [drop(target)],
    besides: [{ kind: 'wrong-range' }],
    on: ['index', 'layer'],
    ends: ['REGISTRY_PROTOCOL', 'REGISTRY_PROTOCOL'],
    byTag: ['success', broken],
  },
  {
    when: 'it is sent in chunks without length',
    flaws: () => [{ kind: 'chunked' }],
    ends: ['success', 'success'],
  },
  {
    when: 'it is sent in chunks without length, and the connection drops',
    flaws: (target) => [drop(target)],
    besides: [{ kind: 'chunked' }],
    on: ['index', 'layer'],
    ends: ['success', broken],
  },
  {
    when: 'it is sent in chunks without length, and they end early',
    flaws: () => [{ kind: 'truncate', to: 20 }],
    besides: [{ kind: 'chunked' }],
    on: ['index', 'layer'],
    ends: ['success', wrongSize],
    byTag: [wrongDigest, wrongDigest],
  },
  {
    when: 'Content-Encoding says gzip of bytes that are as they should be',
    flaws: () => [gzipped],
    ends: ['success', 'success'],
  },
  {
    when: 'the body is packed by gzip unasked and gets longer',
    flaws: (target) => [gzipped, gzippedBody(target)],
    on: ['layer'],
    ends: [wrongSize, wrongSize],
  },
  {
    when: 'the body is packed by gzip unasked and gets shorter',
    flaws: (target) => [gzipped, gzippedBody(target)],
    on: ['index', 'manifest', 'config'],
    ends: [wrongDigest, wrongSize],
    byTag: [wrongDigest, wrongDigest],
  },
];

/** A pull that meets a fault. */
export interface Encounter {
  readonly name: string;
  readonly end: End;
  readonly registry: Partial<RegistryOptions>;
  readonly faults: (elsewhere: string) => readonly Fault[];
}

export const encounters: readonly Encounter[] = rows.flatMap((row) =>
  (row.on ?? [...documents, ...blobs]).flatMap((target) => {
    const { when, burst = 1, registry = {} } = row;
    const [transient, permanent] = (target === 'index' ? row.byTag : undefined) ?? row.ends;
    const meet = (end: End, often: string, times: number): Encounter => ({
      name: `ends in ${end} when ${when}, ${often}, for the ${target}`,
      end,
      registry,
      faults: (elsewhere) => faultsOf(row, target, times, elsewhere),
    });
    return [
      meet(transient, burst === 1 ? 'once' : 'at first', burst),
      meet(permanent, 'always', Number.POSITIVE_INFINITY),
    ];
  }),
);

function faultsOf(row: Row, target: Target, times: number, elsewhere: string): readonly Fault[] {
  const { flaws, besides = [], at } = row;
  const path = target === 'index' ? '/manifests/1' : digests[target];
  const where = {
    on: at ?? (documents.includes(target) ? 'manifest' : 'blob'),
    // The first token is granted.
    ...(at === 'token' ? { skip: 1 } : { path }),
  } as const;
  return [
    ...flaws(target, elsewhere).map((flaw) => ({ ...where, times, flaw })),
    ...besides.map((flaw) => ({ ...where, flaw })),
  ];
}
