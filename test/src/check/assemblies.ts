import type { Finding } from '../../../src/check/finding.ts';
import { filesOfTree } from '../../../src/dotnet/files.ts';
import { openContents } from '../../../src/tree/contents.ts';
import { editTree } from '../../../src/tree/edit.ts';
import { directory, fileOfBytes } from '../../../src/tree/nodes.ts';

export function filesWith(files: Readonly<Record<string, string>>) {
  const nodes = Object.entries(files).map(
    ([path, text]) => ({ op: 'set', path, node: fileOfBytes(Buffer.from(text)) }) as const,
  );
  return filesOfTree(editTree({ root: directory() }, nodes), openContents(new Map()));
}

export const told = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ rule, evidence }) => `${rule} ${evidence.found}`);

/** Settings as `{ "A:B": "value" }`. */
export const settings = (values: Readonly<Record<string, string>>) =>
  Object.entries(values).map(([key, value]) => ({ file: '/app/appsettings.json', key, value }));
