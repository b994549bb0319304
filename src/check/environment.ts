import type { EnvironmentEntry } from '../osv/environment.ts';
import type { Finding } from './finding.ts';

/** What the variables that OSv needs change for an app whose image says `given`. */
export function checkEnvironment(
  entries: readonly EnvironmentEntry[],
  given: ReadonlyMap<string, string>,
): readonly Finding[] {
  const found = entries.flatMap((entry): readonly Finding[] => {
    if (entry.origin !== 'osv') return [];
    if (entry.name === 'DOTNET_SYSTEM_GLOBALIZATION_INVARIANT' && entry.value === '1') {
      return [missingIcu(entry)];
    }
    if (entry.name.startsWith('ASPNETCORE_')) return [noAddress(entry)];
    const said = given.get(entry.name);
    return said === undefined || isSame(said, entry.value) ? [] : [overruled(entry, said)];
  });
  return [...found, ...lostProfiler(entries, given)];
}

const profiling = 'CORECLR_ENABLE_PROFILING';

/** Of .NET 8, 9 and 10 it was seen that none is loaded where diagnostics are off. */
function lostProfiler(
  entries: readonly EnvironmentEntry[],
  given: ReadonlyMap<string, string>,
): readonly Finding[] {
  const value = given.get(profiling);
  const setting = entries.find(
    ({ name, origin }) => origin === 'osv' && /^(?:DOTNET|COMPlus)_EnableDiagnostics$/.test(name),
  );
  if (value === undefined || !/^(?:0x)?0*1$/i.test(value) || setting === undefined) return [];
  return [
    {
      rule: 'profiler-lost',
      severity: 'note',
      evidence: { found: `the image sets ${profiling}=${value}` },
      consequence: `no profiler is loaded, and what it would trace or measure is lost: ${setting.name}=${setting.value} is set, which turns profilers off`,
      fix: 'trace and measure in the code of the app, such as by the packages of OpenTelemetry',
    },
  ];
}

function missingIcu({ name }: EnvironmentEntry): Finding {
  return {
    rule: 'missing-icu',
    severity: 'warning',
    evidence: { found: 'the image has no libicu' },
    consequence: `cultures are invariant on OSv: ${name}=1 is set, without which .NET ends at once`,
    fix: 'install libicu in the image, or publish with InvariantGlobalization=true',
  };
}

function noAddress({ name, value }: EnvironmentEntry): Finding {
  return {
    rule: 'no-address',
    severity: 'note',
    evidence: { found: 'the image sets no address for ASP.NET Core to listen on' },
    consequence: `its default cannot be reached from outside, so ${name}=${value} is set`,
    fix: `say where to listen in the image, or with --env ${name}=${value}`,
  };
}

function overruled({ name, value, reason }: EnvironmentEntry, found: string): Finding {
  return {
    rule: 'setting-overruled',
    severity: 'warning',
    evidence: { found: `the image sets ${name}=${found}` },
    consequence: `on OSv it is ${value}: ${reason}`,
    fix: `--env ${name}=${found} insists`,
  };
}

/** The runtime reads numbers as hexadecimal ones. */
function isSame(found: string, value: string): boolean {
  return found === value || (value === '0' && /^(0x)?0+$/i.test(found));
}
