import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../store/index.ts';
import { addProbe, copyRealKernel } from '../support/kernels.ts';
import { readLayout } from '../support/layout.ts';
import { probeTools } from '../support/probe/tools.ts';
import { startRegistry } from '../support/registry/registry.ts';
import { top } from '../support/top.ts';

// The main job on a real image: a Native AOT app is pulled from a registry on this machine, put on a
// disk, and booted. Everything is done by the command line tool, as a user would.

const program = join(top, 'dist/bin/osv-convert.cjs');
const folder = await mkdtemp(join(tmpdir(), 'osv-convert-demo-'));
const image = await readLayout(join(top, 'fixtures/images/hello-aot'));
const registry = await startRegistry({ images: { 'demo/hello-aot:1.0': image } });
try {
  process.exitCode = await demonstrate(`${registry.host}/demo/hello-aot:1.0`);
} finally {
  await registry.close();
  await rm(folder, { recursive: true });
}

async function demonstrate(ref: string): Promise<number> {
  const store = await openStore(join(folder, 'store'));
  const real = await copyRealKernel(store);
  const kernel = real ?? (await addProbe(store, join(folder, 'probe')));
  const disk = join(folder, 'hello.qcow2');
  const direct = kernel === undefined;

  say(`A registry on this machine has ${ref}, an image of a small .NET app.`);
  await osvConvert('pull', ref);
  await osvConvert('inspect', ref);
  say(kernelStory());
  await osvConvert('build', ref, '-o', disk, ...(direct ? ['--boot', 'direct'] : []));
  if (kernel === undefined || probeTools().qemu === undefined) {
    say('Not booted: QEMU or gcc is not installed (apt-get install qemu-system-x86 gcc).');
  } else {
    const console = await osvConvert('run', disk);
    if (!console.includes(real ? 'Hello from' : 'probe: done')) {
      say('The disk booted, but its console does not show what it should.');
      return 1;
    }
  }
  say('Your own image, in one line:');
  process.stdout.write(
    `\n  ${real ? '' : 'osv-convert kernel fetch && '}osv-convert build mcr.microsoft.com/dotnet/samples:aspnetapp -o web.qcow2 && osv-convert run web.qcow2 -p 8080:8080\n\n`,
  );
  return 0;

  function kernelStory(): string {
    if (real) return `OSv ${real.version} is in the default store: the disk will boot it.`;
    return kernel === undefined
      ? 'No OSv kernel is known here: the disk is made for direct boot.'
      : 'No OSv kernel is known here: a boot probe stands in for it, and lists what OSv would find.';
  }
}

/** Runs the tool and shows what was typed; returns its standard output. */
async function osvConvert(...args: readonly string[]): Promise<string> {
  process.stdout.write(`\n$ osv-convert ${args.join(' ').replaceAll(folder, '.')}\n`);
  const child = spawn(process.execPath, [program, ...args, '--store', join(folder, 'store')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    process.stdout.write(text.replaceAll(folder, '.'));
  });
  const code = await new Promise<number | null>((done) => child.on('close', done));
  if (code !== 0) throw new Error(`osv-convert ${args[0]} ended with ${code}`);
  return output;
}

function say(text: string): void {
  process.stdout.write(`\n== ${text}\n`);
}
