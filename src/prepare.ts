import type { Store } from '../store/index.ts';
import type { DotnetApp } from './dotnet/app.ts';
import { describeApp } from './dotnet/describe.ts';
import type { Examined } from './findings.ts';
import { composeGuest, type Guest } from './guest.ts';
import { type ExecutionOverrides, overrideExecution } from './oci/execution.ts';
import type { Kernel } from './osv/kernel.ts';
import { readKernelExports } from './osv/kernel-exports.ts';
import type { StoredImage } from './pull/image.ts';
import { addRuntime, type RunnableTree, type RuntimeOptions } from './runtime.ts';
import type { OpenLayers } from './tree/open-layers.ts';

/** What the user wants otherwise than the image says, and where the rest comes from. */
export interface GuestWishes extends RuntimeOptions, Omit<ExecutionOverrides, 'env'> {
  /** Name of a kernel in the store; the default one when absent. */
  readonly kernel?: string;
  /** Variables of the guest; they win over everything. */
  readonly env?: ReadonlyMap<string, string>;
  /** What of the image goes on the disk; `reachable` when absent. */
  readonly include?: 'reachable' | 'all';
  /** Globs of paths that are kept, and left out, whatever is known of them. */
  readonly keep?: readonly string[];
  readonly drop?: readonly string[];
}

/** An image on its way to a disk: all the way, or up to what stopped it. */
export type Prepared = Ready | Stopped;

export interface Ready extends Examined {
  readonly kind: 'ready';
  readonly app: DotnetApp;
  readonly runnable: RunnableTree;
  readonly guest: Guest;
}

export interface Stopped extends Examined {
  readonly kind: 'stopped';
  /** What was thrown on the way. */
  readonly reason: unknown;
}

/**
 * Image → tree → app → runtime → guest, the part of the way that `build`, `check` and `inspect` share.
 * What is wrong with the image stops it, and is told together with what was found before.
 * @param kernel undefined where there is none: what depends on it stays unchecked.
 */
export async function prepare(
  store: Store,
  open: OpenLayers,
  image: StoredImage,
  kernel: Kernel | undefined,
  wishes: GuestWishes,
): Promise<Prepared> {
  const { contents } = open;
  const { env = new Map(), include, keep = [], drop = [] } = wishes;
  const found: Examined = {
    config: overrideExecution(image.config.config, { ...wishes, env }),
    tree: await open.flatten(image.layers.map(({ diffID }) => diffID)),
    contents,
    exports: kernel && (await readKernelExports(store, kernel)),
  };
  let app: DotnetApp | undefined;
  let runnable: RunnableTree | undefined;
  try {
    app = describeApp(found.tree, contents, found.config);
    runnable = await addRuntime(store, open, found.tree, app, wishes);
    const guest = composeGuest(app, runnable, contents, kernel, {
      env,
      reach: include === 'all' ? undefined : { keep, drop },
    });
    return { kind: 'ready', ...found, app, runnable, guest };
  } catch (reason) {
    return { kind: 'stopped', ...found, app, runnable, reason };
  }
}
