import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type Digest, parseDigest, type Store } from '../../store/index.ts';
import { getKeptRef, keptRuntimeOfRef, parseKeptName } from '../dotnet/kept-refs.ts';
import { noSuchRuntime } from '../dotnet/kept-runtimes.ts';
import { ConvertError } from '../error.ts';

/** What a text means that says where a runtime is to be taken from. */
export type RuntimeChoice =
  | { readonly kind: 'auto' | 'image' | 'host' }
  | {
      readonly kind: 'kept';
      /** `runtime/NAME`. */
      readonly name: string;
      /** Of the manifest, where it was given: no other runtime of that name is meant. */
      readonly digest?: Digest;
    }
  | { readonly kind: 'folder' | 'file'; readonly path: string }
  | { readonly kind: 'reference'; readonly text: string };

/**
 * Reads what `--runtime` was given. In this order: the words `auto`, `image` and `host`;
 * `runtime/NAME[@DIGEST]` is a kept runtime; what begins with `.` or `/` is a path; what has a `:` or an
 * `@` is an image; a single word is a kept runtime or a folder here; anything else is a folder where there
 * is one, else an image.
 * @throws ConvertError `USAGE` for a word that is both, and for what is no digest; `RUNTIME_NOT_FOUND` for one
 * that is neither, and for a path that leads nowhere.
 */
export async function parseRuntimeChoice(store: Store, text: string): Promise<RuntimeChoice> {
  if (text === 'auto' || text === 'image' || text === 'host') return { kind: text };
  if (text.startsWith('runtime/')) return await parseKept(store, text);
  if (/^[./]/.test(text)) return pathChoice(text, await statOf(text));
  if (/[:@]/.test(text)) return { kind: 'reference', text };
  const found = await statOf(text);
  const name = keptRuntimeOfRef(`runtime/${text}`);
  if (name !== undefined && (await getKeptRef(store, name)) !== undefined) {
    if (found === undefined) return { kind: 'kept', name };
    throw new ConvertError(
      'USAGE',
      `choosing the runtime ${text}: found a kept runtime and a path of that name, wanted one of them`,
      { hint: `write ${name} or ./${text}` },
    );
  }
  if (found !== undefined) return pathChoice(text, found);
  if (text.includes('/')) return { kind: 'reference', text };
  throw await noSuchRuntime(
    store,
    'choosing',
    `${JSON.stringify(text.slice(0, 120))} as a kept runtime or a folder (an image has a tag: NAME:TAG)`,
  );
}

async function parseKept(store: Store, text: string): Promise<RuntimeChoice> {
  const [before = '', digest] = text.split('@', 2);
  const name = parseKeptName(before);
  if ((await getKeptRef(store, name)) === undefined) {
    throw await noSuchRuntime(store, 'choosing', name);
  }
  return { kind: 'kept', name, ...(digest !== undefined && { digest: digestIn(text, digest) }) };
}

/** What was typed is not what was found damaged. */
function digestIn(text: string, digest: string): Digest {
  try {
    return parseDigest(digest);
  } catch (cause) {
    throw new ConvertError(
      'USAGE',
      `choosing the runtime ${text.slice(0, 200)}: found the digest ${JSON.stringify(digest.slice(0, 80))}, wanted sha256: and 64 lower-case hex digits`,
      { hint: 'osv-convert runtime ls', cause },
    );
  }
}

function pathChoice(path: string, found: Stats | undefined): RuntimeChoice {
  if (found?.isDirectory()) return { kind: 'folder', path };
  if (found?.isFile()) return { kind: 'file', path };
  throw new ConvertError(
    'RUNTIME_NOT_FOUND',
    `reading the runtime at ${path}: found ${found === undefined ? 'nothing there' : 'no folder and no file'}, wanted a folder with dotnet, host/fxr and shared`,
    { hint: 'give the folder that `dotnet --list-runtimes` shows before /shared' },
  );
}

async function statOf(path: string): Promise<Stats | undefined> {
  return await stat(path).catch(() => undefined);
}
