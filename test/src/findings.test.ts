import { describe, expect, it } from 'vitest';
import { findingsOf } from '../../src/findings.ts';
import type { ExecutionConfig } from '../../src/oci/config.ts';
import { openContents } from '../../src/tree/contents.ts';
import { directory } from '../../src/tree/nodes.ts';

const config: ExecutionConfig = {
  Entrypoint: [],
  Cmd: [],
  Env: [],
  WorkingDir: '/',
  User: '',
  ExposedPorts: [],
  Volumes: ['/data', '/conf', '/other'],
  Labels: {},
  HealthcheckTest: [],
  StopSignal: '',
};

describe('findingsOf', () => {
  it('is silent of volumes of an image for which the machine brings a disk or a folder', () => {
    const tree = { root: directory() };
    const data = { volumes: ['/data'], shares: ['/conf'] };
    const found = findingsOf({ config, tree, contents: openContents(new Map()), data });
    expect(found.map(({ evidence }) => evidence.found)).toEqual(['VOLUME /other']);
    expect(found[0]?.fix).toContain('--volume 1G:/other, which stays');
  });
});
