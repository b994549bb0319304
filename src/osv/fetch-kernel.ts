import { digestOf, type Store } from '../../store/index.ts';
import { ConvertError, errorCodeOf } from '../error.ts';
import { download } from '../source/download.ts';
import type { HttpOptions } from '../source/http/client.ts';
import { isLoopback } from '../source/http/url.ts';
import type { Kernel, KernelArchitecture, KernelFile } from './kernel.ts';
import { getKernelRef, parseKernelName } from './kernel-refs.ts';
import { addKernel, findKernel, type KernelSourceFile } from './kernels.ts';
import { kernelSizeCap, recogniseKernel } from './recognise.ts';

/** The last release of OSv. */
const defaultRelease = 'v0.57.0';

/** Where OSv's releases lie, `<tag>/<asset>` below. */
const defaultReleases = 'https://github.com/cloudius-systems/osv/releases/download';

/** Assets with hidden symbols: loader.img and loader-stripped.elf. */
function assetsFor(architecture: KernelArchitecture): readonly string[] {
  return [`osv-loader-hidden.qemu.${architecture}`, `osv-loader-hidden.elf.${architecture}.gz`];
}

export interface FetchKernelOptions extends HttpOptions {
  /** Tag of the release, and the name the kernel gets; on aarch64 with `-aarch64` behind it. */
  readonly release?: string;
  /** `x86_64` when absent. */
  readonly architecture?: KernelArchitecture;
  /** Where releases lie; plain HTTP only on this machine. */
  readonly releases?: string;
  readonly setDefault?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Takes the hidden-symbols kernel of an OSv release into the store. OSv publishes no digests: those
 * of the first fetch count, and other bytes under the same tag are refused from then on. Nothing is
 * kept unless both files came whole.
 * @throws ConvertError `KERNEL_DIGEST_CHANGED`; `KERNEL_NOT_FOUND` when the release has no such
 * files; `KERNEL_INVALID`; `USAGE` for a tag or address that cannot be; what `download` throws.
 */
export async function fetchKernel(store: Store, options: FetchKernelOptions = {}): Promise<Kernel> {
  const release = parseKernelName(options.release ?? defaultRelease);
  const { architecture = 'x86_64' } = options;
  const name = architecture === 'x86_64' ? release : parseKernelName(`${release}-${architecture}`);
  const base = parseReleases(options.releases ?? defaultReleases);
  const files: KernelSourceFile[] = [];
  for (const asset of assetsFor(architecture)) {
    const url = new URL(`${base}/${release}/${asset}`);
    files.push({ name: asset, bytes: await downloadWhole(url, options) });
  }
  if ((await getKernelRef(store, name)) !== undefined) {
    requireSame(await findKernel(store, name), files);
  }
  const { setDefault } = options;
  return addKernel(store, files, {
    name,
    origin: `${base}/${release}`,
    ...(setDefault !== undefined && { setDefault }),
  });
}

function parseReleases(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSafe =
    url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
  if (!isSafe) {
    throw new ConvertError(
      'USAGE',
      `fetching a kernel: found the address ${JSON.stringify(text.slice(0, 160))}, wanted https, or http on this machine`,
    );
  }
  return text.replace(/\/+$/, '');
}

async function downloadWhole(url: URL, options: FetchKernelOptions): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of download(url, { ...options, limit: kernelSizeCap }))
      chunks.push(chunk);
  } catch (cause) {
    if (errorCodeOf(cause) !== 'IMAGE_NOT_FOUND') throw cause;
    throw new ConvertError(
      'KERNEL_NOT_FOUND',
      `fetching a kernel: found nothing at ${url}, wanted a kernel`,
      {
        hint: `osv-convert kernel fetch --version ${defaultRelease}`,
        cause,
      },
    );
  }
  return Buffer.concat(chunks);
}

function requireSame(known: Kernel, files: readonly KernelSourceFile[]): void {
  for (const { name, bytes } of files) {
    const facts = recogniseKernel(name, bytes);
    const recorded: KernelFile | undefined = known[facts.form];
    const found = digestOf(facts.bytes);
    if (recorded !== undefined && recorded.digest !== found) {
      throw new ConvertError(
        'KERNEL_DIGEST_CHANGED',
        `fetching kernel ${known.name}: found ${name} with digest ${found}, wanted ${recorded.digest}, as it was before`,
        { hint: `if you trust the new one: osv-convert kernel rm ${known.name}` },
      );
    }
  }
}
