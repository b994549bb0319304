// Compiles the schemas of what is read, each to a module in dist/schemas/compiled, and puts a table of
// them in the place of dist/schemas/compile.js. Plain JavaScript: it is a part of the build.
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const { default: standaloneCode } = createRequire(import.meta.url)('ajv/dist/standalone');

/** `folder` is dist/schemas as tsc has left it, with the schemas. Returns the files that they are made of. */
export async function compileSchemas(folder) {
  const module = async (name) => await import(pathToFileURL(join(folder, name)).href);
  const { documentsRead } = await module('index.js');
  const { createAjv, readSchema } = await module('ajv.js');
  const plain = join(folder, 'plain');
  await mkdir(plain, { recursive: true });
  for (const name of documentsRead) {
    const ajv = createAjv({ source: true, esm: true });
    const check = await ajv.compileAsync(readSchema(`${name}.schema.json`));
    await writeFile(join(plain, `${name}.js`), standaloneCode(ajv, check));
  }
  const made = await Promise.all(
    documentsRead.map((name) => compiled(join(plain, `${name}.js`), join(folder, 'compiled'))),
  );
  await writeFile(join(folder, 'compile.js.new'), tableOf(documentsRead));
  await rename(join(folder, 'compile.js.new'), join(folder, 'compile.js'));
  return made.flat();
}

/** What the code of ajv asks for of ajv's own goes into each. Returns the paths of all that is in it. */
async function compiled(input, dir) {
  const bundle = await rolldown({ input, platform: 'node' });
  const { output } = await bundle.write({ dir, format: 'esm', comments: false });
  await bundle.close();
  return output.flatMap(({ modules }) => Object.keys(modules));
}

function tableOf(names) {
  const rows = names.map((name) => `  '${name}': () => import('./compiled/${name}.js'),\n`);
  return `const checks = {
${rows.join('')}};
/** The check of \`./NAME.schema.json\`, compiled by the build. */
export async function compile(name) {
  if (!Object.hasOwn(checks, name)) throw new Error(\`\${name}.schema.json: not compiled\`);
  return (await checks[name]()).default;
}
`;
}
