import { execFileSync } from 'node:child_process';
import { top } from './top.ts';

/** Builds the command line tool once, before any test runs it. */
export function setup(): void {
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: top, stdio: 'inherit' });
}
