/**
 * The public API: what the command line does, for programs. Nothing here prints or exits; progress is
 * told by `onEvent`, long calls take an `AbortSignal`, failures are `ConvertError` or `StoreError` with
 * a code of `errorTable`.
 */
export type { Store } from '../store/index.ts';
export { openStore, StoreError } from '../store/index.ts';
export type { BootOptions } from './boot.ts';
export { planMachine } from './boot.ts';
export type { Config, Mirror } from './config.ts';
export { readConfig } from './config.ts';
export type { ConvertOptions } from './convert.ts';
export { convert } from './convert.ts';
export type { Diagnosis } from './doctor.ts';
export { diagnose } from './doctor.ts';
export type { ErrorCode } from './error.ts';
export { ConvertError, errorCodeOf, errorTable, exitCodes } from './error.ts';
export type { ConvertEvent, OnEvent } from './event.ts';
export type { ImageSummary, StoredImage } from './image.ts';
export { listImages } from './image.ts';
export type { Inspection } from './inspect.ts';
export { inspect } from './inspect.ts';
export type { Loaded, LoadOptions } from './load.ts';
export { load } from './load.ts';
export type { LockedImage, LockFile } from './lock-file.ts';
export { lockImage, readLockFile } from './lock-file.ts';
export type { FetchKernelOptions } from './osv/fetch-kernel.ts';
export { fetchKernel } from './osv/fetch-kernel.ts';
export type { Kernel } from './osv/kernel.ts';
export type { AddKernelOptions, KernelSourceFile, ListedKernel } from './osv/kernels.ts';
export { addKernel, findKernel, listKernels, removeKernel } from './osv/kernels.ts';
export type { Pulled, PullOptions, PullPolicy } from './pull.ts';
export { pull, pullPlatforms } from './pull.ts';
export type { Pushed, PushOptions } from './push.ts';
export { push } from './push.ts';
export type { Referrers } from './referrers.ts';
export { listReferrers, pullReferrers } from './referrers.ts';
export { refetch } from './refetch.ts';
export type { Report } from './report.ts';
export type { Machine } from './run/machine.ts';
export type { MachineEnd, RunOptions } from './run/qemu.ts';
export { runMachine } from './run/qemu.ts';
export type { Saved, SaveFormat, SaveOptions } from './save.ts';
export { save } from './save.ts';
export type { Tagged } from './stored-names.ts';
export { removeImages, tagImage } from './stored-names.ts';
