import { posix } from 'node:path';
import type { ExecutionConfig } from '../oci/config.ts';
import { dataObstacleAt } from '../osv/data-mounts.ts';
import type { Finding } from './finding.ts';
import { type IsWritable, isUsuallyWritable } from './writable.ts';

/** What an image's config asks of whoever runs it, and OSv does not do. */
export function checkConfig(
  config: ExecutionConfig,
  isWritable: IsWritable = isUsuallyWritable,
): readonly Finding[] {
  return [
    ...config.Volumes.filter((path) => !isWritable(posix.resolve('/', path))).map(volume),
    ...lost(config),
  ];
}

function volume(path: string): Finding {
  return {
    rule: 'volume',
    severity: 'warning',
    evidence: { found: `VOLUME ${path}` },
    consequence: 'the disk is read-only and nothing is mounted there: what writes to it fails',
    fix: fixOf(posix.resolve('/', path)),
  };
}

function fixOf(path: string): string {
  const inMemory = `--tmpfs ${path}, which begins empty and ends with the machine`;
  const kept = dataObstacleAt(path) === undefined ? `, --volume 1G:${path}, which stays` : '';
  return `${inMemory}${kept}, or keep the data on a server`;
}

/** Signals that end a process as SIGTERM does, by name and number. */
const usualSignals = new Set(['', 'SIGTERM', 'TERM', '15']);

function lost({ User, HealthcheckTest, StopSignal }: ExecutionConfig): readonly Finding[] {
  const isRoot = /^(?:root|0)?(?:$|:)/.test(User);
  const hasCheck = HealthcheckTest.length > 0 && HealthcheckTest[0] !== 'NONE';
  return [
    ...(isRoot
      ? []
      : [
          note(
            'user-lost',
            `USER ${User}`,
            'the app runs as user 0: permissions of files and ports below 1024 stop nobody',
            'nothing, if the app does not ask who it is',
          ),
        ]),
    ...(hasCheck
      ? [
          note(
            'health-check-lost',
            `HEALTHCHECK ${HealthcheckTest.join(' ')}`.slice(0, 200),
            'nobody runs the health check: it would be a second process',
            'ask the app over the network, from outside of the machine',
          ),
        ]
      : []),
    ...(usualSignals.has(StopSignal.toUpperCase())
      ? []
      : [
          note(
            'stop-signal-lost',
            `STOPSIGNAL ${StopSignal}`,
            'nobody sends signals to the app: the machine is switched off',
            'let the app keep no state that only a signal would save',
          ),
        ]),
  ];
}

function note(rule: Finding['rule'], found: string, consequence: string, fix: string): Finding {
  return { rule, severity: 'note', evidence: { found }, consequence, fix };
}
