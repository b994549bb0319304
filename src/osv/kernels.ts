import type { Store } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import type { Kernel, KernelFile } from './kernel.ts';
import { emptyConfig, formatKernelManifest, parseKernelManifest } from './kernel-manifest.ts';
import {
  deleteKernelRef,
  getKernelRef,
  type KernelRef,
  listKernelRefs,
  parseKernelName,
  setKernelRef,
} from './kernel-refs.ts';
import { type KernelFacts, recogniseKernel } from './recognise.ts';

const manifestCap = 4 << 20;

export interface KernelSourceFile {
  /** For messages. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface AddKernelOptions {
  /** Else the version the ELF shows, else a part of the loader's digest. */
  readonly name?: string;
  /** Make it the kernel that is used when none is named. */
  readonly setDefault?: boolean;
  /** Where the files were got from. */
  readonly origin?: string;
}

export interface ListedKernel {
  readonly kernel: Kernel;
  /** Used when none is named: the chosen one, or the only one. */
  readonly isDefault: boolean;
}

/** A kernel before it has a name. */
type Build = Omit<Kernel, 'name' | 'origin'>;

/**
 * Takes the files of one kernel into the store: loader.img, its ELF, or both, plain or as .gz. A form
 * that the kernel of that name lacks is added to it; other bytes for one it has replace it whole, for
 * forms of two builds must not mix.
 * @throws ConvertError `KERNEL_INVALID` for files that are no kernel or not of one; `USAGE` for a name
 * that cannot be; what the store throws.
 */
export async function addKernel(
  store: Store,
  files: readonly KernelSourceFile[],
  options: AddKernelOptions = {},
): Promise<Kernel> {
  const given = await putFiles(store, files);
  const name = parseKernelName(options.name ?? nameOf(given));
  const ref = await getKernelRef(store, name);
  const kernel = merge(ref && (await readBuild(store, ref)), given);
  const manifest = formatKernelManifest(kernel);
  const from = options.origin === undefined ? {} : { origin: options.origin };
  await store.blobs.put(emptyConfig);
  await setKernelRef(store, {
    name,
    digest: await store.blobs.put(manifest),
    size: manifest.length,
    isDefault: options.setDefault ?? ref?.isDefault ?? false,
    ...from,
  });
  return { name, ...kernel, ...from };
}

/** In the order of their names. @throws ConvertError `KERNEL_INVALID`; what the store throws. */
export async function listKernels(store: Store): Promise<readonly ListedKernel[]> {
  const refs = await listKernelRefs(store);
  const listed: ListedKernel[] = [];
  for (const ref of refs) {
    const isDefault = ref.isDefault || refs.length === 1;
    listed.push({ kernel: await readKernel(store, ref), isDefault });
  }
  return listed;
}

/** @throws ConvertError `KERNEL_NOT_FOUND`. The blobs stay until garbage is collected. */
export async function removeKernel(store: Store, name: string): Promise<void> {
  if (!(await deleteKernelRef(store, name))) throw await notFound(store, 'removing', name);
}

/**
 * The kernel of that name, held; without one the default, or the only one.
 * @throws ConvertError `KERNEL_NOT_FOUND`, `KERNEL_INVALID`; what the store throws.
 */
export async function findKernel(store: Store, name?: string): Promise<Kernel> {
  const ref = name === undefined ? await defaultRef(store) : await getKernelRef(store, name);
  if (ref === undefined) throw await notFound(store, 'choosing', name);
  await store.hold([ref.digest]);
  return readKernel(store, ref);
}

/** The kernel that `findKernel` takes without a name; undefined where there is none. */
export async function defaultKernel(store: Store): Promise<Kernel | undefined> {
  const ref = await defaultRef(store);
  if (ref === undefined) return undefined;
  await store.hold([ref.digest]);
  return readKernel(store, ref);
}

async function defaultRef(store: Store): Promise<KernelRef | undefined> {
  const refs = await listKernelRefs(store);
  return refs.find(({ isDefault }) => isDefault) ?? (refs.length === 1 ? refs[0] : undefined);
}

async function readKernel(store: Store, ref: KernelRef): Promise<Kernel> {
  const { name, origin } = ref;
  return { name, ...(await readBuild(store, ref)), ...(origin !== undefined && { origin }) };
}

async function readBuild(store: Store, { name, digest }: KernelRef): Promise<Build> {
  const where = { of: `kernel ${name} in the store`, hint: `osv-convert kernel rm ${name}` };
  return parseKernelManifest(await store.blobs.read(digest, manifestCap), where);
}

async function notFound(store: Store, action: string, name?: string): Promise<ConvertError> {
  const names = (await listKernelRefs(store)).map((ref) => ref.name);
  const found = names.length === 0 ? 'none in the store' : names.join(', ');
  const wanted = name === undefined ? 'one that is the default' : JSON.stringify(name);
  const hint =
    names.length === 0
      ? 'osv-convert kernel fetch\nosv-convert kernel add loader.img loader-stripped.elf'
      : 'osv-convert kernel ls';
  return new ConvertError(
    'KERNEL_NOT_FOUND',
    `${action} a kernel: found ${found}, wanted ${wanted}`,
    { hint },
  );
}

async function putFiles(store: Store, files: readonly KernelSourceFile[]): Promise<Build> {
  const facts = files.map(({ name, bytes }) => recogniseKernel(name, bytes));
  const loader = onlyOf(facts, 'loader');
  const elf = onlyOf(facts, 'elf');
  const telling = elf ?? loader;
  if (telling === undefined) throw unmatched('no file');
  if (loader && elf && loader.architecture !== elf.architecture) {
    throw unmatched(`files for ${loader.architecture} and ${elf.architecture}`);
  }
  if (loader?.version !== undefined && elf && loader.version !== elf.version) {
    throw unmatched(`a loader.img of ${loader.version} and an ELF of ${elf.version}`);
  }
  const { form: _, bytes: __, ...described } = telling;
  return {
    ...described,
    ...(loader && { loader: await putFile(store, loader) }),
    ...(elf && { elf: await putFile(store, elf) }),
  };
}

async function putFile(store: Store, { bytes }: KernelFacts): Promise<KernelFile> {
  return { digest: await store.blobs.put(bytes), size: bytes.length };
}

function onlyOf(facts: readonly KernelFacts[], form: KernelFacts['form']): KernelFacts | undefined {
  const [first, second] = facts.filter((one) => one.form === form);
  if (second !== undefined) throw unmatched(`two files of the form ${form}`);
  return first;
}

function unmatched(found: string): ConvertError {
  return new ConvertError(
    'KERNEL_INVALID',
    `adding a kernel: found ${found}, wanted loader.img, its ELF, or both of one build`,
    { hint: 'osv-convert kernel add loader.img loader-stripped.elf' },
  );
}

function merge(known: Build | undefined, given: Build): Build {
  if (known === undefined || !belongTogether(known, given)) return given;
  // A loader.img may show nothing of symbols, and must not make a known kernel forget.
  return given.elf === undefined ? { ...given, ...known } : { ...known, ...given };
}

function belongTogether(known: Build, given: Build): boolean {
  const agree = (a: KernelFile | undefined, b: KernelFile | undefined): boolean =>
    a === undefined || b === undefined || a.digest === b.digest;
  return (
    known.architecture === given.architecture &&
    agree(known.loader, given.loader) &&
    agree(known.elf, given.elf)
  );
}

function nameOf({ version, loader }: Build): string {
  return version?.toLowerCase() ?? `kernel-${loader?.digest.slice('sha256:'.length).slice(0, 12)}`;
}
