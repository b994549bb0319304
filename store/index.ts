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
export type {
  Blobs,
  CallOptions,
  Layer,
  Layers,
  OpenStoreOptions,
  RandomAccess,
  Ref,
  Refs,
  Store,
  StoreEvent,
} from './store.ts';
