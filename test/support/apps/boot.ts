import { runCli } from '../cli.ts';
import type { HostApp } from './host-app.ts';
import { freePort, type Outcome } from './outcome.ts';

/** Milliseconds: under emulation .NET takes seconds to start, on a busy machine minutes. */
const patience = 300_000;

/** Whether a disk does on OSv what the app does on this host, in words. */
export async function bootOutcome(
  disk: string,
  app: HostApp,
  wanted: Outcome,
  store: string,
): Promise<string> {
  const start = performance.now();
  const port = await freePort();
  const interrupt = new AbortController();
  const timer = setTimeout(() => interrupt.abort(), patience);
  let answer: Promise<string> | undefined;
  const forward = app.serves === undefined ? [] : ['-p', `${port}:8080`, '--cpus', '2'];
  const { stdout, stderr } = await runCli(['run', disk, ...forward, '--store', store], {
    signal: interrupt.signal,
    onStdout: (text) => {
      if (app.serves === undefined || answer || !text.includes('Now listening on')) return;
      answer = fetch(`http://127.0.0.1:${port}${app.serves}`, { signal: interrupt.signal })
        .then(async (response) => `${response.status} ${await response.text()}`)
        .catch((error: unknown) => `no answer: ${error}`)
        .finally(() => interrupt.abort());
    },
  });
  clearTimeout(timer);
  const seconds = `${((performance.now() - start) / 1e3).toFixed(0)} s`;
  const said = answer === undefined ? stdout : await answer;
  const missing = linesOf(wanted.output).filter((line) => !said.includes(line));
  // Thread-local data above the kernel's limit ends the machine when the app has done all it does.
  const end = /^Aborted\r?$/m.test(stdout) ? ', then aborts' : '';
  if (said !== '' && missing.length === 0) return `yes, ${seconds}${end}`;
  return `no, ${seconds}: ${linesOf(said).slice(-6).join(' / ')} ${linesOf(stderr).slice(-1)}`;
}

/** What is blank, or varies, is not looked for. */
function linesOf(text: string): readonly string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.includes('…'));
}
