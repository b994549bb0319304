import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findHostRuntimes } from '../../../src/dotnet/runtimes.ts';

/** The .NET host of this machine over a folder of our making: it chooses by the names of folders. */
export interface Hostfxr {
  /** Makes the frameworks of one case; each call begins anew. */
  install(frameworks: readonly Installed[]): void;
  /** What the host says of an app, without running it. */
  choose(config: string, words?: readonly string[], env?: Readonly<Record<string, string>>): Answer;
  remove(): void;
}

export interface Installed {
  readonly name: string;
  readonly version: string;
  /** Text of its own runtimeconfig.json. */
  readonly config?: string;
}

export type Answer =
  | { readonly kind: 'resolved'; readonly chosen: readonly string[] }
  | { readonly kind: 'missing' | 'conflict' | 'invalid' };

const failures: Readonly<Record<number, Exclude<Answer['kind'], 'resolved'>>> = {
  147: 'invalid',
  150: 'missing',
  156: 'conflict',
};

/** @returns undefined where no .NET is installed. */
export function openHostfxr(): Hostfxr | undefined {
  const [folder] = findHostRuntimes(process.env);
  if (folder === undefined) {
    return undefined;
  }
  const home = mkdtempSync(join(tmpdir(), 'osv-convert-hostfxr-'));
  const root = join(home, 'dotnet');
  const fxr = join('host/fxr', folder.hostfxr.text);
  mkdirSync(join(root, fxr), { recursive: true });
  copyFileSync(join(folder.path, 'dotnet'), join(root, 'dotnet'));
  copyFileSync(join(folder.path, fxr, 'libhostfxr.so'), join(root, fxr, 'libhostfxr.so'));
  const app = join(home, 'app.dll');
  writeFileSync(app, '');

  return {
    install(frameworks) {
      rmSync(join(root, 'shared'), { recursive: true, force: true });
      for (const { name, version, config } of frameworks) {
        const path = join(root, 'shared', name, version);
        mkdirSync(path, { recursive: true });
        writeFileSync(join(path, `${name}.deps.json`), '');
        if (config !== undefined) {
          writeFileSync(join(path, `${name}.runtimeconfig.json`), config);
        }
      }
    },
    choose(config, words = [], env = {}) {
      writeFileSync(join(home, 'app.runtimeconfig.json'), config);
      const { stderr, status } = spawnSync(join(root, 'dotnet'), [...words, app], {
        cwd: home,
        env: { ...env, COREHOST_TRACE: '1' },
        encoding: 'utf8',
      });
      const summary = /--- Summary of all frameworks:\n((?: {5}framework:.*\n)*)/.exec(stderr)?.[1];
      if (summary !== undefined) {
        const lines = summary.matchAll(/framework:'([^']*)'.* found version='([^']*)'/g);
        return {
          kind: 'resolved',
          chosen: Array.from(lines, ([, name, found]) => `${name} ${found}`),
        };
      }
      const kind = failures[status ?? -1];
      if (kind === undefined) {
        throw new Error(`the .NET host ended with ${status}:\n${stderr}`);
      }
      return { kind };
    },
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}
