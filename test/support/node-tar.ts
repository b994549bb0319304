import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { Parser } from 'tar';

export interface NodeTarMember {
  readonly path: string;
  readonly type: string;
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly mtime: number;
  readonly linkpath: string;
  readonly digest: string;
}

/** The members of a tar as the package tar (node-tar) sees them. */
export async function readWithNodeTar(tar: Uint8Array): Promise<NodeTarMember[]> {
  const members: NodeTarMember[] = [];
  const parser = new Parser({ strict: true });
  const ended = new Promise<void>((resolve, reject) => {
    parser.on('end', resolve);
    parser.on('error', reject);
  });
  parser.on('entry', (entry) => {
    const hash = createHash('sha256');
    entry.on('data', (chunk: Buffer) => hash.update(chunk));
    entry.on('end', () =>
      members.push({
        path: entry.path,
        type: entry.type,
        size: entry.size,
        mode: entry.mode ?? 0,
        uid: entry.uid ?? 0,
        mtime: (entry.mtime?.getTime() ?? 0) / 1000,
        linkpath: entry.linkpath ?? '',
        digest: `sha256:${hash.digest('hex')}`,
      }),
    );
  });
  parser.end(Buffer.from(tar));
  await ended;
  return members;
}
