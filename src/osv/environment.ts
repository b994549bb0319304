import type { DotnetApp } from '../dotnet/app.ts';
import { isInvariant } from '../dotnet/icu.ts';
import { majorOf } from '../dotnet/major.ts';
import { type MachineTraits, memorySettings } from './memory-settings.ts';
import { type KernelTraits, runtimeSettings } from './runtime-settings.ts';
import type { Setting } from './setting.ts';

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
  /** Variables without which the app does not start with the runtime it was given. */
  readonly start?: Readonly<Record<string, string>>;
  /** Version of the kernel, and whether it has memfd_create; undefined where that is not known. */
  readonly kernel?: KernelTraits;
  /** The machine it will run in, as far as it is known. */
  readonly machine?: MachineTraits;
}

type App = Pick<
  DotnetApp,
  'kind' | 'env' | 'args' | 'version' | 'aspnet' | 'invariantGlobalization' | 'musl' | 'properties'
>;

/**
 * The environment of the app on OSv. The image's values are carried over and win over defaults, but
 * for the settings without which the virtual machine dies; the user's values win always.
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
  for (const [name, value] of Object.entries(options.start ?? {})) {
    const reason = 'the runtime that was chosen for the app is there';
    yield { names: [name], value, reason, vital: true };
  }
  yield* runtimeSettings(app, options.kernel);
  yield* memorySettings(app, options.machine);
  yield* watcherSettings(app);
  yield* cultureSettings(app, options);
  yield homeSetting(app);
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

/** Neither is known to .NET Core 3.1, whose default host dies all the same (DOTNET.md, headline 4). */
function* watcherSettings(app: App): Generator<Setting> {
  if ((majorOf(app) ?? 5) < 5) return;
  yield {
    names: ['DOTNET_USE_POLLING_FILE_WATCHER'],
    value: '1',
    reason: 'OSv has no inotify, and an app that watches its settings would die at start',
  };
  yield {
    names: ['DOTNET_hostBuilder__reloadConfigOnChange'],
    value: 'false',
    reason: 'settings on a read-only disk cannot change, so nothing needs to look for it',
  };
}

/**
 * ASP.NET Core makes keys of data protection below $HOME when an app with forms or sign-in starts. It does so
 * by Path.GetTempFileName, which ends the machine; where it cannot write it keeps them in memory.
 */
function homeSetting({ aspnet }: App): Setting {
  return aspnet
    ? {
        names: ['HOME'],
        value: '/',
        reason: 'keys of data protection stay in memory: writing them ends the machine',
      }
    : { names: ['HOME'], value: '/tmp', reason: 'the one folder that can be written' };
}

/**
 * An image that asks for cultures cannot have its way without libicu: .NET ends at once. Nor can one for .NET 8
 * and older of which the runtimeconfig.json insists on them.
 */
function* cultureSettings(app: App, { icu }: EnvironmentOptions): Generator<Setting> {
  const names = ['DOTNET_SYSTEM_GLOBALIZATION_INVARIANT'];
  const isAsked = isInvariant(app);
  if (!icu && !isAsked) {
    yield { names, value: '1', reason: 'the image has no libicu', vital: true };
  }
  // Alpine's images of .NET ask for invariant cultures because they have no libicu.
  if (icu && app.musl && isAsked && !app.invariantGlobalization) {
    yield { names, value: 'false', reason: 'libicu was added', vital: true };
  }
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
