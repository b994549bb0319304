/**
 * The API of Firecracker as far as a machine is made with it, by the rules of its OpenAPI file
 * (src/firecracker/swagger/firecracker.yaml, 1.17) and of its parser, which refuses members it does not
 * know, ids that are not of letters, digits and `_`, and ids that differ between path and body.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';

type Members = Readonly<Record<string, unknown>>;

/** Says what is wrong with a value, or nothing. */
type Rule = (value: unknown) => string | undefined;

const text: Rule = (value) => (typeof value === 'string' ? undefined : 'no string');
const flag: Rule = (value) => (typeof value === 'boolean' ? undefined : 'no boolean');
const oneOf =
  (...values: readonly string[]): Rule =>
  (value) =>
    values.some((one) => one === value) ? undefined : `none of ${values}`;
const integer =
  (least: number, most: number): Rule =>
  (value) =>
    Number.isInteger(value) && Number(value) >= least && Number(value) <= most
      ? undefined
      : `no integer of ${least} to ${most}`;
const matching =
  (pattern: RegExp): Rule =>
  (value) =>
    typeof value === 'string' && pattern.test(value) ? undefined : `not like ${pattern}`;

interface Shape {
  readonly required: Readonly<Record<string, Rule>>;
  readonly optional: Readonly<Record<string, Rule>>;
}

const shapes = {
  'machine-config': {
    required: { vcpu_count: integer(1, 32), mem_size_mib: integer(1, 2 ** 32) },
    optional: {
      smt: flag,
      track_dirty_pages: flag,
      huge_pages: oneOf('None', 'Transparent', '2M'),
      cpu_template: text,
    },
  },
  'boot-source': {
    required: { kernel_image_path: text },
    optional: { boot_args: matching(/^[ -~]{0,2047}$/), initrd_path: text },
  },
  drives: {
    required: { drive_id: text, is_root_device: flag },
    // Those of a vhost-user drive are not for a file.
    optional: {
      path_on_host: text,
      is_read_only: flag,
      partuuid: text,
      cache_type: oneOf('Unsafe', 'Writeback'),
      io_engine: oneOf('Sync', 'Async'),
    },
  },
  'network-interfaces': {
    required: { iface_id: text, host_dev_name: text },
    optional: {
      guest_mac: matching(/^([\da-fA-F]{2}:){5}[\da-fA-F]{2}$/),
      mtu: integer(68, 65_535),
    },
  },
  actions: {
    required: { action_type: oneOf('FlushMetrics', 'InstanceStart', 'SendCtrlAltDel') },
    optional: {},
  },
} as const satisfies Record<string, Shape>;

export interface FakeFirecracker {
  readonly server: Server;
  /** What was set, by path. */
  readonly machine: ReadonlyMap<string, Members>;
  /** Resolved when the machine is started. */
  readonly started: Promise<void>;
}

/** Listens on the socket at `path`. */
export function serveFirecracker(path: string): FakeFirecracker {
  const machine = new Map<string, Members>();
  let isStarted = false;
  let start = (): void => undefined;
  const started = new Promise<void>((done) => {
    start = done;
  });
  const server = createServer(async (request, response) => {
    if (request.method === 'GET' && request.url === '/') {
      const state = isStarted ? 'Running' : 'Not started';
      const info = { id: 'anonymous-instance', state, vmm_version: '1.17.0' };
      response.writeHead(200, { Server: 'Firecracker API' });
      response.end(JSON.stringify({ ...info, app_name: 'Firecracker' }));
      return;
    }
    const fault = await take(request);
    response.writeHead(fault === undefined ? 204 : 400, { Server: 'Firecracker API' });
    response.end(fault === undefined ? undefined : JSON.stringify({ fault_message: fault }));
  });

  const take = async (request: IncomingMessage): Promise<string | undefined> => {
    const { method, url = '' } = request;
    const body = await bodyOf(request);
    if (method !== 'PUT') return `Invalid request method and/or path: ${method} ${url}.`;
    if (isStarted) return 'The requested operation is not supported after starting the microVM.';
    const fault = faultOf(url, body, machine);
    if (fault !== undefined) return fault;
    if (url !== '/actions') {
      machine.set(url, body ?? {});
    } else if (body?.['action_type'] === 'InstanceStart') {
      if (!machine.has('/boot-source')) return 'Cannot start microvm without kernel configuration.';
      isStarted = true;
      start();
    }
    return undefined;
  };

  server.listen(path);
  return { server, machine, started };
}

async function bodyOf(request: IncomingMessage): Promise<Members | undefined> {
  let body = '';
  for await (const piece of request.setEncoding('utf8')) body += piece;
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value))
      : undefined;
  } catch {
    return undefined;
  }
}

function faultOf(
  url: string,
  body: Members | undefined,
  machine: ReadonlyMap<string, Members>,
): string | undefined {
  const [, kind = '', id, ...more] = url.split('/');
  const shape: Shape | undefined = Object.entries(shapes).find(([name]) => name === kind)?.[1];
  const isNamed = kind === 'drives' || kind === 'network-interfaces';
  if (shape === undefined || (id !== undefined) !== isNamed || more.length > 0) {
    return `Invalid request method and/or path: PUT ${url}.`;
  }
  if (body === undefined) return 'The body is no JSON object.';
  if (isNamed) {
    if (!/^[A-Za-z0-9_]+$/.test(id ?? '')) return 'API Resource IDs can only contain alphanumeric.';
    if (body[kind === 'drives' ? 'drive_id' : 'iface_id'] !== id) {
      return 'The id from the path does not match the id from the body!';
    }
  }
  const mac = body['guest_mac'];
  const others = [...machine].filter(([path]) => path !== url).map(([, other]) => other);
  if (mac !== undefined && others.some((other) => other['guest_mac'] === mac)) {
    return `The MAC address is already in use: ${mac}`;
  }
  return faultOfMembers(shape, body);
}

function faultOfMembers({ required, optional }: Shape, body: Members): string | undefined {
  for (const name of Object.keys(required)) {
    if (!(name in body)) return `missing field \`${name}\``;
  }
  for (const [name, value] of Object.entries(body)) {
    const rule = { ...required, ...optional }[name];
    if (rule === undefined) return `unknown field \`${name}\``;
    const problem = rule(value);
    if (problem !== undefined) return `${name}: ${problem}`;
  }
  return undefined;
}
