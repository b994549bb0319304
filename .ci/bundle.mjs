// Bundles the command line tool to dist/bin: osv-convert.cjs, which a shell starts; main.cjs, and a part
// for each command and for what several share; the answers to --help and --version as texts.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { rolldown } from 'rolldown';

// Node loads a hundred files of CommonJS in half the time that as many modules take.
const commonJs = {
  format: 'cjs',
  dynamicImportInCjs: false,
  entryFileNames: '[name].cjs',
  chunkFileNames: '[name]-[hash].cjs',
};

const oneModule = { format: 'esm', entryFileNames: '[name].js', codeSplitting: false };

// A shell runs the second line, which node skips.
const start = '#!/bin/sh\n// 2>/dev/null; exec node -- "$0" "$@"\n';

/** `top` is the folder of package.json; `checked` are the files that the compiled schemas are made of. */
export async function bundleTool(top, checked) {
  const folder = join(top, 'dist/bin');
  mkdirSync(folder, { recursive: true });
  // Compiled for the machine it is installed on, and optional.
  const external = [/^zstd-napi(?:\/|$)/];
  const program = {
    input: { main: 'dist/src/cli/main.js' },
    external,
    plugins: [
      madeOf(/^undici$/, { id: join(top, '.ci/undici.cjs') }),
      // Registries are offered HTTP/1.1 alone, and node:http2 takes a while to load.
      madeOf(/^\.\/client-h2\.js$/, { id: join(top, '.ci/no-http2.cjs') }),
    ],
  };
  const main = await bundled(top, commonJs, program, partsByUse);
  // Threads begin in a file of their own.
  const worker = await bundled(top, oneModule, {
    input: { 'unpack-worker': 'dist/store/layers/unpack-worker.js' },
    external,
  });
  const [bin] = await bundled(top, commonJs, {
    input: { 'osv-convert': 'dist/src/cli/bin.js' },
    transform: { define: { 'import.meta.dirname': '__dirname' } },
    plugins: [madeOf(/^\.\/main\.js$/, { id: './main.cjs', external: true })],
  });
  const parts = [...main, ...worker];
  // What asks for others comes after them.
  for (const { fileName, code } of parts.sort((a, b) => a.isEntry - b.isEntry)) {
    replace(join(folder, fileName), code);
  }
  const files = filesInParts(top, parts);
  replace(
    join(folder, 'THIRD-PARTY.txt'),
    licensesOf(top, [...Object.values(files).flat(), ...checked]),
  );
  for (const [name, word] of [
    ['help.txt', '--help'],
    ['version.txt', '--version'],
  ])
    replace(join(folder, name), answerTo(join(folder, 'main.cjs'), word));
  const path = join(folder, bin.fileName);
  replace(path, start + bin.code.replace(/^(#!.*\n)?(\/\/.*\n)*/, ''));
  chmodSync(path, 0o755);
  const made = [...parts, bin].map(({ fileName }) => fileName);
  removeOldParts(folder, new Set(made));
  // For tests, which look at what a command loads.
  replace(join(top, 'dist/bundle.json'), JSON.stringify(files));
}

/**
 * Nothing is renamed or put on one line, so that the place of an error is one to look at.
 * @param partsBy tells from the parts that come by themselves how they are to be.
 */
async function bundled(top, shape, input, partsBy) {
  // No file is imported for its effects alone. So one that only passes on what others export is left
  // out, and with it all that its reader asks nothing of.
  const treeshake = { moduleSideEffects: false };
  const bundle = await rolldown({ cwd: top, platform: 'node', treeshake, ...input });
  const asked = { comments: false, ...shape };
  let { output } = await bundle.generate(asked);
  if (partsBy) ({ output } = await bundle.generate({ ...asked, codeSplitting: partsBy(output) }));
  await bundle.close();
  return output;
}

/**
 * Files that many commands need are in one part: each part that is loaded takes a third of a millisecond. With
 * fewer of them in it, more are looked for and opened; with more, most commands compile what they do not need.
 * What commands are defined with is kept apart, for their help needs nothing else.
 */
function partsByUse(parts) {
  const definitions = definitionsIn(parts);
  const isWork = (id) => /\/dist\/(?:src|store|schemas)\//.test(id) && !definitions.has(id);
  const minShareCount = 12;
  return {
    groups: [
      { name: 'start', tags: ['$initial'], priority: 2 },
      { name: 'definitions', test: (id) => definitions.has(id), minShareCount, priority: 1 },
      { name: 'common', test: isWork, minShareCount },
    ],
  };
}

/** The files that are loaded when a command is defined. */
function definitionsIn(parts) {
  const named = new Map(parts.map((part) => [part.fileName, part]));
  const table = parts.find(({ moduleIds }) =>
    moduleIds.some((id) => id.endsWith('/src/cli/commands.js')),
  );
  const found = new Set();
  const add = (name) => {
    const part = named.get(name);
    if (part === undefined || found.has(part)) return;
    found.add(part);
    part.imports.forEach(add);
  };
  table.dynamicImports.forEach(add);
  return new Set([...found].flatMap(({ moduleIds }) => moduleIds));
}

/** The files of which something is in each part of the bundle, by the name of the part. */
function filesInParts(top, parts) {
  const rows = parts.map(({ fileName, modules }) => [
    fileName,
    Object.keys(modules)
      .filter((path) => modules[path].renderedLength > 0)
      .map((path) => relative(top, path)),
  ]);
  return Object.fromEntries(rows);
}

/** A plugin that has what is asked for by such a name made of another file. */
function madeOf(name, found) {
  return { name: 'made-of', resolveId: { filter: { id: name }, handler: () => found } };
}

/** In one step, for the tool may be running. */
function replace(path, text) {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

function answerTo(main, word) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, word], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`osv-convert ${word}: ended with ${status}: ${stderr}`);
  return stdout;
}

/** What a package contains of others without their licenses, whose terms are its own (LICENSE of nodejs/llhttp). */
const contained = {
  undici:
    'undici contains llhttp, compiled to WebAssembly. MIT License, with the terms\n' +
    'above. Copyright Fedor Indutny, 2018.\n',
};

/** The licenses of the packages that are in the bundle, each once. */
function licensesOf(top, paths) {
  const names = paths.flatMap(
    (path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? [],
  );
  const texts = [...new Set(names)].sort().map((name) => {
    const folder = join(top, 'node_modules', name);
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
    if (file === undefined) throw new Error(`${name} ${version}: found no license`);
    const license = `${name} ${version}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
    return name in contained ? `${license}\n${contained[name]}` : license;
  });
  return `This tool contains the following packages.\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}

/** A tool that runs may still ask for parts of the build before this one. */
function removeOldParts(folder, made) {
  const old = Date.now() - 24 * 3600 * 1000;
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (/\.c?js$/.test(name) && !made.has(name) && statSync(path).mtimeMs < old) unlinkSync(path);
  }
}
