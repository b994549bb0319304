export type { Descriptor, DescriptorPlatform } from './descriptor.ts';
export type { DiffID, Digest } from './digest.ts';
export { digestOf, hexOf, parseDiffID, parseDigest } from './digest.ts';
export type {
  DirectoryEntry,
  Entry,
  EntryPath,
  Extent,
  FileEntry,
  HardlinkEntry,
  LayerIndex,
  Metadata,
  OpaqueEntry,
  SpecialEntry,
  SymlinkEntry,
  WhiteoutEntry,
} from './entry.ts';
export type { StoreErrorCode } from './error.ts';
export { StoreError } from './error.ts';
export { compressionOf, inflate } from './inflate/inflate.ts';
export type { Limits } from './limits.ts';
export { defaultLimits } from './limits.ts';
export { compareNames, decodeName, encodeName } from './name.ts';
export { openStore } from './open.ts';
export type {
  Blobs,
  CallOptions,
  FetchOptions,
  Layer,
  Layers,
  OpenStoreOptions,
  RandomAccess,
  Ref,
  Refs,
  Store,
  StoreEvent,
} from './store.ts';
export { scanTar } from './tar/scan.ts';
export type { TarEntry } from './tar/writer.ts';
export { tarEnd, tarHeader, tarPadding } from './tar/writer.ts';
