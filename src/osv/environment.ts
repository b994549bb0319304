import type { DotnetApp } from '../dotnet/app.ts';

export interface EnvironmentEntry {
  readonly name: string;
  readonly value: string;
  readonly origin: 'image' | 'osv' | 'user';
  /** Why the converter sets it; only for origin `osv`. */
  readonly reason?: string;
}

export interface Environment {
  /** Names are unique: the image's in its order, then what OSv needs, then the user's. */
  readonly entries: readonly EnvironmentEntry[];
}

export interface EnvironmentOptions {
  /** True when the image has libicu where OSv finds it. */
  readonly icu: boolean;
  /** Folder of the image into which a single-file app's native files were unpacked beforehand. */
  readonly bundleDirectory?: string;
  /** What the user asked for; wins over everything. */
  readonly user: ReadonlyMap<string, string>;
}

type App = Pick<
  DotnetApp,
  'kind' | 'env' | 'args' | 'version' | 'aspnet' | 'invariantGlobalization'
>;

/** A setting the converter makes. */
interface Setting {
  /** Every name it may be given by. */
  readonly names: readonly string[];
  /** Those of the names that are set; without it all. */
  readonly written?: readonly string[];
  readonly value: string;
  readonly reason: string;
  /** The virtual machine dies without it, so the image's own value does not count. */
  readonly vital?: true;
}

/**
 * The environment of the app on OSv. The image's values are carried over and win over defaults, but
 * for the three settings without which the virtual machine dies; the user's values win always.
 */
export function osvEnvironment(app: App, options: EnvironmentOptions): Environment {
  const isUsers = ({ names }: Setting): boolean => names.some((name) => options.user.has(name));
  const isImages = ({ names }: Setting): boolean => names.some((name) => app.env.has(name));
  const settings = [...settingsFor(app, options)].filter((one) => !isUsers(one));
  const vital = settings.filter((one) => one.vital === true);
  const replaced = new Set(vital.flatMap(({ names }) => names));
  const image = [...app.env].filter(([name]) => !options.user.has(name) && !replaced.has(name));
  const added = settings.filter((one) => one.vital === true || !isImages(one));
  return {
    entries: [
      ...image.map(([name, value]) => ({ name, value, origin: 'image' as const })),
      ...added.flatMap(({ names, written, value, reason }) =>
        (written ?? names).map((name) => ({ name, value, origin: 'osv' as const, reason })),
      ),
      ...[...options.user].map(([name, value]) => ({ name, value, origin: 'user' as const })),
    ],
  };
}

function* settingsFor(app: App, options: EnvironmentOptions): Generator<Setting> {
  if (app.kind !== 'native-aot') yield* clrSettings(app);
  yield {
    names: ['DOTNET_USE_POLLING_FILE_WATCHER'],
    value: '1',
    reason: 'OSv has no inotify, and an app that watches its settings would die at start',
  };
  yield {
    names: ['DOTNET_hostBuilder__reloadConfigOnChange'],
    value: 'false',
    reason: 'settings on a read-only disk cannot change',
  };
  if (!options.icu && !app.invariantGlobalization) {
    yield {
      names: ['DOTNET_SYSTEM_GLOBALIZATION_INVARIANT'],
      value: '1',
      reason: 'the image has no libicu',
    };
  }
  yield { names: ['HOME'], value: '/tmp', reason: 'the one folder that can be written' };
  yield { names: ['TMPDIR'], value: '/tmp', reason: 'the one folder that can be written' };
  if (options.bundleDirectory !== undefined) {
    yield {
      names: ['DOTNET_BUNDLE_EXTRACT_BASE_DIR'],
      value: options.bundleDirectory,
      reason: 'its native files are unpacked there already, and cannot be on OSv itself',
      vital: true,
    };
  }
  if (app.aspnet && !choosesAddress(app, options.user)) yield addressSetting(app);
}

/** Settings of the runtime itself (clrconfignames.h): `DOTNET_` since .NET 6, `COMPlus_` before. */
function* clrSettings(app: App): Generator<Setting> {
  const isNew = (majorOf(app) ?? 0) >= 6;
  const named = (name: string): Pick<Setting, 'names' | 'written' | 'value'> => {
    const names = [`DOTNET_${name}`, `COMPlus_${name}`];
    return { names, written: isNew ? names.slice(0, 1) : names, value: '0' };
  };
  yield {
    ...named('EnableWriteXorExecute'),
    reason: 'OSv has no memfd_create, which mapping code twice needs',
    vital: true,
  };
  yield {
    ...named('EnableDiagnostics'),
    reason: 'OSv has no named pipes, which the debugger transport needs',
    vital: true,
  };
  yield {
    ...named('INTERNAL_ThreadSuspendInjection'),
    reason: 'OSv refuses pthread_kill to another thread, and the runtime aborts on that',
    vital: true,
  };
  yield {
    ...named('LTTng'),
    reason: 'loading the trace provider without lttng-ust is fatal on OSv',
  };
}

/** Kestrel listens on the loopback interface when nobody says otherwise; Microsoft's images say 8080. */
function addressSetting(app: App): Setting {
  const reason = 'no address is set, and the loopback default cannot be reached from outside';
  return (majorOf(app) ?? 0) >= 8
    ? { names: ['ASPNETCORE_HTTP_PORTS'], value: '8080', reason }
    : { names: ['ASPNETCORE_URLS'], value: 'http://+:8080', reason };
}

const addressVariables = ['URLS', 'HTTP_PORTS', 'HTTPS_PORTS'].flatMap((name) => [
  `ASPNETCORE_${name}`,
  `DOTNET_${name}`,
  name,
]);

function choosesAddress(app: App, user: ReadonlyMap<string, string>): boolean {
  return (
    addressVariables.some((name) => app.env.has(name) || user.has(name)) ||
    app.args.some((arg) => /^(--|\/)(urls|http_ports)(=|$)/i.test(arg))
  );
}

function majorOf(app: App): number | undefined {
  const digits = /^\d{1,4}(?=\.|$)/.exec(app.version ?? '')?.[0];
  return digits === undefined ? undefined : Number(digits);
}
