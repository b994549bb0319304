import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { top } from '../support/top.ts';

const readme = readFileSync(join(top, 'store/README.md'), 'utf8');

interface Section {
  readonly title: string;
  readonly level: number;
  readonly text: string;
}

/** The parts of the text, each from its heading to the next. Examples have no line that looks like one. */
function sectionsOf(text: string): readonly Section[] {
  return text.split(/^(?=#+ )/m).map((part) => {
    const [, marks = '', title = ''] = /^(#+) (.*)/.exec(part) ?? [];
    return { title, level: marks.length, text: part };
  });
}

const sections = sectionsOf(readme);

interface Example {
  readonly title: string;
  readonly source: string;
}

const examples: readonly Example[] = sections.flatMap(({ title, text }) =>
  [...text.matchAll(/^ *```(.*?)\n(.*?)^ *```$/gms)].map(([, language, source = ''], at) => {
    if (language !== 'ts')
      throw new Error(`"${title}" has an example that is not run: ${language}`);
    return { title: at === 0 ? title : `${title} (${at + 1})`, source };
  }),
);

/** What the text says is printed: each `console.log` has it beside it. */
function wantedOf(source: string): string {
  return source
    .split('\n')
    .filter((line) => line.includes('console.log('))
    .map((line) => `${/console\.log\(.*\); \/\/ (.*)$/.exec(line)?.[1] ?? 'it does not say'}\n`)
    .join('');
}

const root = temporaryFolder('readme');

describe('an example of store/README.md', () => {
  const folderOf = ({ title }: Example) => join(root, title.replaceAll(/\W+/g, '-'));

  /** Compiled as strictly as anything here, by who has nothing but the package and the types of Node. */
  beforeAll(() => {
    mkdirSync(join(root, 'node_modules/@types'), { recursive: true });
    symlinkSync(top, join(root, 'node_modules/osv-convert'));
    symlinkSync(join(top, 'node_modules/@types/node'), join(root, 'node_modules/@types/node'));
    const { compilerOptions } = JSON.parse(readFileSync(join(top, 'tsconfig.json'), 'utf8'));
    const { rootDir, outDir, ...options } = compilerOptions;
    const config = { compilerOptions: { ...options, skipLibCheck: false, declaration: false } };
    writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(root, 'tsconfig.json'), JSON.stringify(config));
    for (const example of examples) {
      mkdirSync(folderOf(example));
      writeFileSync(join(folderOf(example), 'example.ts'), example.source);
    }
    execFileSync(join(top, 'node_modules/.bin/tsc'), { cwd: root, stdio: 'inherit' });
  });

  test.each(examples.map((example) => [example.title, example] as const))(
    'prints what the text says: %s',
    async (_, example) => {
      const options = { cwd: folderOf(example) };
      const { stdout, stderr } = await promisify(execFile)(
        process.execPath,
        ['example.js'],
        options,
      );
      expect(stdout).toBe(wantedOf(example.source));
      expect(stderr).toBe('');
    },
  );
});

describe('store/README.md', () => {
  test('has an example for each task', () => {
    const tasks = sections.slice(sections.findIndex(({ title }) => title === 'How to') + 1);
    const lacking = tasks.filter(({ text }) => !text.includes('```ts'));
    expect(lacking.map(({ title }) => title)).toEqual([]);
    expect(tasks.length).toBeGreaterThan(10);
  });

  const from = sections.findIndex(({ title }) => title === 'The promises') + 1;
  const to = sections.findIndex(({ level }, at) => at > from && level === 2);

  test.each(sections.slice(from, to).map(({ title, text }) => [title, text] as const))(
    'names tests that there are when it promises: %s',
    (_, text) => {
      const shown = [...text.matchAll(/“([^”]+)” \((test\/[^)]+)\)/g)];
      expect(shown).not.toEqual([]);
      expect(text).toContain('Not promised');
      for (const [, name, path = ''] of shown) {
        expect(readFileSync(join(top, path), 'utf8')).toContain(`'${name}'`);
      }
    },
  );

  test('tells every code of a StoreError', () => {
    const codes = readFileSync(join(top, 'store/error.ts'), 'utf8').matchAll(/^ {2}\| '(\w+)'/gm);
    const told = [...readme.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code);
    expect(told.sort()).toEqual([...codes].map(([, code]) => code).sort());
  });
});
