import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectQmp, type QmpEvent } from '../../../src/run/qmp.ts';

const greeting = '{"QMP": {"version": {}, "capabilities": []}}\r\n';

let folder: string;
let path: string;
let server: Server | undefined;
const sockets = new Set<Socket>();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-qmp-'));
  path = join(folder, 'qmp');
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise<void>((done) => (server === undefined ? done() : server.close(() => done())));
  server = undefined;
  await rm(folder, { recursive: true });
});

/** A QEMU that says `first`, and to each command what `answer` gives. */
async function serve(first: string, answer: (command: string) => string): Promise<void> {
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).setEncoding('utf8');
    socket.on('data', (text) => {
      for (const line of String(text).trim().split('\n')) {
        socket.write(answer(JSON.parse(line).execute));
      }
    });
    socket.write(first);
  });
  await new Promise<void>((done) => server?.listen(path, done));
}

const failed = expect.objectContaining({ code: 'QEMU_FAILED' });

describe('connectQmp', () => {
  it('gives answers and events, whichever way they are cut and mixed', async () => {
    const events: QmpEvent[] = [];
    await serve(greeting, (command) =>
      command === 'cont'
        ? '{"event": "RESUME", "data": {"a": 1}}\r\n{"return": {"went": "on"}}\r\n{"event": "X"}\r\n'
        : '{"return": {}}\r\n',
    );
    const qmp = await connectQmp(path, { onEvent: (event) => events.push(event) });
    expect(await qmp.execute('cont')).toEqual({ went: 'on' });
    expect(await qmp.execute('query-status')).toEqual({});
    expect(events).toEqual([
      { event: 'RESUME', data: { a: 1 } },
      { event: 'X', data: {} },
    ]);
    qmp.close();
  });

  it('fails with the words of QEMU when it refuses a command, and goes on', async () => {
    await serve(greeting, (command) =>
      command === 'x' ? '{"error": {"class": "C", "desc": "no x here"}}\n' : '{"return": 1}\n',
    );
    const qmp = await connectQmp(path);
    await expect(qmp.execute('x')).rejects.toThrow('asking QEMU for x: found no x here');
    expect(await qmp.execute('y')).toBe(1);
    qmp.close();
  });

  it.each([
    ['no JSON', 'hello\n'],
    ['another greeting', '{"hello": 1}\n'],
    ['a line without end', 'x'.repeat(2 << 20)],
  ])('fails when it is met with %s', async (_, first) => {
    await serve(first, () => '');
    await expect(connectQmp(path)).rejects.toEqual(failed);
  });

  it('fails when QEMU is silent for too long, or ends', async () => {
    await serve('', () => '');
    await expect(connectQmp(path, { timeout: 50 })).rejects.toEqual(failed);
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((done) => server?.close(() => done()));
    await serve(greeting, (command) => {
      if (command !== 'qmp_capabilities') for (const socket of sockets) socket.destroy();
      return '{"return": {}}\n';
    });
    const qmp = await connectQmp(path);
    await expect(qmp.execute('cont')).rejects.toEqual(failed);
    await expect(qmp.execute('cont')).rejects.toEqual(failed);
  });

  it('fails when nobody listens', async () => {
    await expect(connectQmp(path)).rejects.toEqual(failed);
  });
});
