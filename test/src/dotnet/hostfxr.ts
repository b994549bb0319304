import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findHostRuntimes } from '../../../src/dotnet/runtimes.ts';

/** A .NET host over a folder of our making: it chooses by the names of folders, and loads nothing. */
export interface Hostfxr {
  /** Puts the files of `world` where `ask` will have the host look. */
  install(world: World): Installation;
  /** What the host says of each question, without running an app. */
  ask(world: World): Promise<readonly Answer[]>;
  remove(): void;
}

export interface World {
  readonly installed: readonly Installed[];
  readonly questions: readonly Question[];
}

/** A folder `shared/NAME/VERSION`. */
export interface Installed {
  readonly name: string;
  readonly version: string;
  /** Its own runtimeconfig.json, and the `.dev.json` beside it. */
  readonly config?: string | Uint8Array | undefined;
  readonly dev?: string | Uint8Array | undefined;
  /** Without its deps.json: to the host since .NET 6 it is not there. */
  readonly incomplete?: boolean | undefined;
}

/** An app and how it is started. */
export interface Question {
  /** Files beside `app.dll`: its `app.runtimeconfig.json` and others. */
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  /** Between `dotnet` and `app.dll`. */
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface Installation {
  /** The .NET folder. */
  readonly root: string;
  /** The folder of each question's app. */
  readonly apps: readonly string[];
}

export type Answer =
  | { readonly kind: 'resolved'; readonly chosen: readonly string[] }
  /**
   * `endless`: frameworks raise each other's versions; `self-contained`: no shared framework is asked for;
   * `refused`: ends, or dies, at what it reads.
   */
  | { readonly kind: 'missing' | 'conflict' | 'endless' | 'refused' | 'self-contained' };

/** By exit code, DOTNET host-error-codes.md; 134 and 139 are signals, 129 a wrong option. */
const failures: Readonly<Record<string, Exclude<Answer['kind'], 'resolved'>>> = {
  129: 'refused',
  134: 'refused',
  139: 'refused',
  147: 'refused',
  150: 'missing',
  156: 'conflict',
  157: 'endless',
};

const run = promisify(execFile);

/**
 * @param path a .NET folder in place of this machine's.
 * @returns undefined where no .NET is installed.
 */
export function openHostfxr(path?: string): Hostfxr | undefined {
  const env = path === undefined ? process.env : { DOTNET_ROOT: path, PATH: '' };
  const [folder] = findHostRuntimes(env);
  if (folder === undefined) {
    return undefined;
  }
  const home = mkdtempSync(join(tmpdir(), 'osv-convert-hostfxr-'));
  const root = join(home, 'dotnet');
  const fxr = join('host/fxr', folder.hostfxr.text);
  mkdirSync(join(root, fxr), { recursive: true });
  copyFileSync(join(folder.path, 'dotnet'), join(root, 'dotnet'));
  copyFileSync(join(folder.path, fxr, 'libhostfxr.so'), join(root, fxr, 'libhostfxr.so'));

  return {
    install({ installed, questions }) {
      rmSync(join(root, 'shared'), { recursive: true, force: true });
      for (const framework of installed) {
        installFramework(join(root, 'shared', framework.name, framework.version), framework);
      }
      const apps = questions.map(({ files }, index) => {
        const app = join(home, `app-${index}`);
        rmSync(app, { recursive: true, force: true });
        mkdirSync(app);
        const all = Object.entries({ 'app.dll': '', ...files });
        for (const [name, content] of all) writeFileSync(join(app, name), content);
        return app;
      });
      return { root, apps };
    },
    async ask({ questions }) {
      const script = questions.map(
        ({ words, env }, index) =>
          `cd ${quoted(join(home, `app-${index}`))}; ` +
          `env -i COREHOST_TRACE=1 ${Object.entries(env).map(assigned).join(' ')} ` +
          `../dotnet/dotnet ${words.map(quoted).join(' ')} app.dll >out 2>trace; echo $? >status`,
      );
      // One shell for all: to start a process costs it far less than it costs node.
      await run('/bin/sh', ['-c', script.join('\n')]);
      return questions.map((_, index) => answerIn(join(home, `app-${index}`)));
    },
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}

function installFramework(path: string, { name, config, dev, incomplete }: Installed): void {
  mkdirSync(path, { recursive: true });
  const files = {
    [`${name}.deps.json`]: incomplete ? undefined : '',
    [`${name}.runtimeconfig.json`]: config,
    [`${name}.runtimeconfig.dev.json`]: dev,
  };
  for (const [file, content] of Object.entries(files)) {
    if (content !== undefined) writeFileSync(join(path, file), content);
  }
}

function answerIn(app: string): Answer {
  const trace = readFileSync(join(app, 'trace'), 'latin1');
  const status = readFileSync(join(app, 'status'), 'latin1').trim();
  const summary = /--- Summary of all frameworks:\n((?: {5}framework:.*\n)*)/.exec(trace)?.[1];
  if (summary !== undefined) {
    const lines = summary.matchAll(/framework:'([^']*)'.* found version='([^']*)'/g);
    const chosen = Array.from(lines, ([, name, found]) => `${name} ${found}`);
    return chosen.length === 0 ? { kind: 'refused' } : { kind: 'resolved', chosen };
  }
  // It went on to look for a runtime beside the app.
  const kind = status === '131' ? 'self-contained' : failures[status];
  if (kind === undefined) {
    throw new Error(`the .NET host ended with ${status}:\n${trace.slice(-2000)}`);
  }
  return { kind };
}

const assigned = ([name, value]: [string, string]): string => `${name}=${quoted(value)}`;

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
