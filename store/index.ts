export type { ExportOptions } from './archive/export.ts';
export type { Blobs, RandomAccess } from './blobs/contract.ts';
export type { CallOptions, FetchOptions } from './call-options.ts';
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
export type { StoreEvent } from './event.ts';
export type { FileKind, FileStat, Files, ListedFile, OpenFile } from './files/files.ts';
export { createMemoryFiles } from './files/memory.ts';
export type { GcOptions } from './gc/gc.ts';
export type { Garbage, GarbageKind, GcReport } from './gc/report.ts';
export { compressionOf, inflate } from './inflate/inflate.ts';
export type { InflateFrame, PackFrame } from './inflate/zstd-frame.ts';
export { loadInflateFrame, loadPackFrame } from './inflate/zstd-frame.ts';
export type { Layer, Layers } from './layers/contract.ts';
export type { Lease, Leases } from './leases/contract.ts';
export type { Limits } from './limits.ts';
export { defaultLimits } from './limits.ts';
export { openMemoryStore } from './memory-store.ts';
export type { Ref, Refs } from './names/contract.ts';
export { matchesAny } from './names/glob.ts';
export { compareNames, decodeName, encodeName } from './names/name.ts';
export { openStore } from './open.ts';
export type { OpenStoreOptions, Store } from './store.ts';
export { scanTar } from './tar/scan.ts';
export type { TarEntry } from './tar/writer.ts';
export { tarEnd, tarHeader, tarPadding } from './tar/writer.ts';
export type { DuplicateFile, Duplicates } from './usage/duplicates.ts';
export type { NameUsage } from './usage/name-usage.ts';
export type { UsageTotals } from './usage/totals.ts';
export type { FileUsage, LayerUsage, PartialUsage, Usage, UsageOptions } from './usage/usage.ts';
export type {
  Finding,
  LostBlob,
  VerifyOptions,
  VerifyReport,
  VerifyStep,
} from './verify/verify.ts';
