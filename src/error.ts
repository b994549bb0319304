import { StoreError, type StoreErrorCode } from '../store/index.ts';

/** Process exit codes, documented in the README. */
export const exitCodes = {
  ok: 0,
  internal: 1,
  usage: 2,
  notFound: 3,
  auth: 4,
  network: 5,
  corrupt: 6,
  unsupported: 7,
  runtime: 8,
  kernel: 9,
  output: 10,
  store: 11,
  machine: 12,
  interrupted: 130,
} as const;

export type ExitName = keyof typeof exitCodes;

/** Every error code of the tool and the exit code it leads to. */
export const errorTable = {
  // The command line
  USAGE: 'usage',
  REFERENCE_INVALID: 'usage',
  PLATFORM_INVALID: 'usage',
  CONFIG_FILE_INVALID: 'usage',
  // Sources
  IMAGE_NOT_FOUND: 'notFound',
  PLATFORM_NOT_FOUND: 'notFound',
  AUTH_REQUIRED: 'auth',
  CREDENTIALS_INVALID: 'auth',
  ACCESS_DENIED: 'auth',
  REGISTRY_UNREACHABLE: 'network',
  REGISTRY_TLS: 'network',
  REGISTRY_RATE_LIMITED: 'network',
  REGISTRY_FAILED: 'network',
  REGISTRY_PROTOCOL: 'network',
  OFFLINE: 'network',
  LOCK_MISSING: 'usage',
  LOCK_INVALID: 'corrupt',
  LOCK_MISMATCH: 'corrupt',
  // Looking inside
  PATH_NOT_FOUND: 'notFound',
  // What an image says of itself
  ARCHIVE_INVALID: 'corrupt',
  MANIFEST_INVALID: 'corrupt',
  CONFIG_INVALID: 'corrupt',
  DIGEST_INVALID: 'corrupt',
  DIGEST_MISMATCH: 'corrupt',
  SIZE_MISMATCH: 'corrupt',
  LAYER_CORRUPT: 'corrupt',
  LAYER_LIMIT: 'corrupt',
  IMAGE_UNSUPPORTED: 'unsupported',
  // .NET
  APP_NOT_FOUND: 'unsupported',
  APP_INVALID: 'unsupported',
  SHELL_ENTRYPOINT: 'unsupported',
  RUNTIMECONFIG_INVALID: 'runtime',
  FRAMEWORK_NOT_FOUND: 'runtime',
  FRAMEWORK_CONFLICT: 'runtime',
  RUNTIME_NOT_FOUND: 'runtime',
  LIBRARY_NOT_FOUND: 'runtime',
  // OSv
  COMMAND_LINE_INEXPRESSIBLE: 'unsupported',
  ROOT_CONFLICT: 'unsupported',
  KERNEL_NOT_FOUND: 'kernel',
  KERNEL_INVALID: 'kernel',
  KERNEL_UNSUITABLE: 'kernel',
  KERNEL_DIGEST_CHANGED: 'kernel',
  // Disks
  ROFS_LIMIT: 'unsupported',
  ROFS_INVALID: 'corrupt',
  DISK_INVALID: 'corrupt',
  DISK_UNSUPPORTED: 'unsupported',
  OUTPUT_UNUSABLE: 'output',
  OUTPUT_FULL: 'output',
  // Machines
  QEMU_NOT_FOUND: 'machine',
  QEMU_FAILED: 'machine',
  MACHINE_NOT_FOUND: 'notFound',
  MACHINE_EXISTS: 'machine',
  MACHINE_STATE: 'machine',
  HOOK_FAILED: 'machine',
  FIRECRACKER_NOT_FOUND: 'machine',
  FIRECRACKER_FAILED: 'machine',
  GUEST_ABORTED: 'machine',
  MACHINE_TIMED_OUT: 'machine',
  MACHINE_NOT_READY: 'machine',
  // The store
  BLOB_MISSING: 'store',
  STORE_UNUSABLE: 'store',
  STORE_CORRUPT: 'store',
  STORE_VERSION: 'store',
  STORE_FULL: 'store',
  // Ends that are nobody's fault
  INTERRUPTED: 'interrupted',
} as const satisfies Record<StoreErrorCode, ExitName> & Record<string, ExitName>;

export type ErrorCode = keyof typeof errorTable;

/**
 * A failure a user can act on: a code of `errorTable`, a sentence (the action that failed, the value
 * found, the value wanted) and maybe the next command to type.
 */
export class ConvertError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, sentence: string, options: { hint?: string; cause?: unknown } = {}) {
    super(sentence, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ConvertError';
    this.code = code;
    this.hint = options.hint;
  }
}

/** The code of a failure of this tool or of its store; undefined for a defect. */
export function errorCodeOf(error: unknown): ErrorCode | undefined {
  return error instanceof ConvertError || error instanceof StoreError ? error.code : undefined;
}
