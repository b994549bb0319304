/**
 * The public API: what the command line does, for programs. Nothing here prints or exits; progress is
 * told by `onEvent`, long calls take an `AbortSignal`, failures are `ConvertError` or `StoreError` with
 * a code of `errorTable`.
 */
export type { Store } from '../store/index.ts';
export { openStore, StoreError } from '../store/index.ts';
export type { BootOptions } from './boot.ts';
export { planMachine } from './boot.ts';
export type { Finding, Severity } from './check/finding.ts';
export type { Checked } from './check.ts';
export { check } from './check.ts';
export type { Config, Mirror } from './config.ts';
export { readConfig } from './config.ts';
export type { ConvertOptions } from './convert.ts';
export { convert } from './convert.ts';
export type { Loaded, LoadOptions } from './copy/load.ts';
export { load } from './copy/load.ts';
export type { Pushed, PushOptions } from './copy/push.ts';
export { push } from './copy/push.ts';
export type { Referrers } from './copy/referrers.ts';
export { listReferrers, pullReferrers } from './copy/referrers.ts';
export type { Saved, SaveFormat, SaveOptions } from './copy/save.ts';
export { save } from './copy/save.ts';
export type { Tagged } from './copy/stored-names.ts';
export { removeImages, tagImage } from './copy/stored-names.ts';
export type { Diagnosis } from './doctor/doctor.ts';
export { diagnose } from './doctor/doctor.ts';
export type { KeptRuntime } from './dotnet/kept-runtimes.ts';
export { listKeptRuntimes, removeRuntime } from './dotnet/kept-runtimes.ts';
export type { ErrorCode } from './error.ts';
export { ConvertError, errorCodeOf, errorTable, exitCodes } from './error.ts';
export type { ConvertEvent, OnEvent } from './event.ts';
export type { Flattened, FlattenOptions } from './flatten.ts';
export { flatten, flattenToStream } from './flatten.ts';
export { type FlattenType, flattenTypeOf } from './flatten-output.ts';
export type { Inspection } from './inspect.ts';
export { inspect } from './inspect.ts';
export type { FetchKernelOptions } from './osv/fetch-kernel.ts';
export { fetchKernel } from './osv/fetch-kernel.ts';
export type { Kernel } from './osv/kernel.ts';
export type { AddKernelOptions, KernelSourceFile, ListedKernel } from './osv/kernels.ts';
export { addKernel, findKernel, listKernels, removeKernel } from './osv/kernels.ts';
export type { GuestWishes } from './prepare.ts';
export type { ImageSummary, StoredImage } from './pull/image.ts';
export { listImages } from './pull/image.ts';
export type { LockedImage, LockFile } from './pull/lock-file.ts';
export { lockImage, readLockFile } from './pull/lock-file.ts';
export type { Pulled, PullOptions, PullPolicy } from './pull/pull.ts';
export { pull, pullPlatforms } from './pull/pull.ts';
export { refetch } from './pull/refetch.ts';
export type { Report } from './report.ts';
export type { Machine } from './run/machine.ts';
export type { MachineEnd, RunOptions } from './run/qemu.ts';
export { runMachine } from './run/qemu.ts';
export type { KeepOptions } from './runtimes/keep.ts';
export { keepRuntime } from './runtimes/keep.ts';
export type { Sbom, SbomFormat, SbomOptions } from './sbom.ts';
export { createSbom } from './sbom.ts';
