import type { AppTraits } from './app.ts';
import { type Architecture, architectureNames } from './architecture.ts';
import type { Files } from './files.ts';
import type { Assembly } from './metadata/assembly.ts';
import { modelOf } from './model.ts';
import { type AppParts, type Placed, partsOf } from './parts.ts';
import type { RuntimeConfig } from './runtimeconfig.ts';

/** What is told of an app besides what starts it, with a sentence for each finding. */
export interface FoundTraits extends AppTraits {
  readonly evidence: readonly string[];
}

/**
 * Reads the entry assembly and looks at what lies beside it, in a folder or in a bundle.
 * @param config the app's runtimeconfig.json.
 */
export function traitsOf(
  files: Files,
  app: Placed,
  config: RuntimeConfig | undefined,
): FoundTraits {
  const parts = partsOf(files, app);
  const { entry } = parts;
  const model = modelOf(parts, config);
  const trimmed = trimmedOf(app, parts, config);
  const language = entry && languageOf(entry.assembly);
  const code = entry && codeOf(entry.assembly, parts, files.architecture);
  const targetFramework = config?.tfm ?? entry?.assembly.targetFramework;
  return {
    model: model.is,
    trimmed: app.kind === 'native-aot' || trimmed !== undefined,
    readyToRun: code?.is ?? 'no',
    ...(language && { language: language.is }),
    ...(targetFramework !== undefined && { targetFramework: shortName(targetFramework) }),
    evidence: [
      ...(language ? [`${entry?.file} ${language.because}`] : []),
      ...(code?.because ? [`${entry?.file} ${code.because}`] : []),
      ...[model.because, trimmed].filter((sentence) => sentence !== undefined),
    ],
  };
}

/** Machines of ReadyToRun images are XORed with a number of the system they are for; this is Linux's. */
const linuxMark = 0x7b79;

function codeOf(
  { readyToRun, machine }: Assembly,
  { names }: AppParts,
  architecture: Architecture,
): { readonly is: AppTraits['readyToRun']; readonly because?: string } {
  if (readyToRun === 'no') return { is: 'no' };
  const wanted = architectureNames[architecture].pe ^ linuxMark;
  if (machine !== wanted) {
    return {
      is: 'no',
      because: `holds code compiled ahead of time for the machine 0x${machine.toString(16)}, wanted 0x${wanted.toString(16)}, ${architecture} Linux: it is compiled anew when it runs`,
    };
  }
  const images = [...names].filter((name) => name.endsWith('.r2r.dll'));
  return readyToRun === 'yes'
    ? {
        is: 'yes',
        because: `holds code compiled ahead of time for ${architecture} Linux (ReadyToRun)`,
      }
    : {
        is: 'composite',
        because: `has its code in a composite ReadyToRun image${images.length === 0 ? '' : `: ${images.slice(0, 3).join(', ')}`}`,
      };
}

/** All compile to the same; compilers of F# and Visual Basic leave marks. */
function languageOf({ references, types }: Assembly): {
  readonly is: NonNullable<AppTraits['language']>;
  readonly because: string;
} {
  const mark = types.find((type) => /^Microsoft\.FSharp\.Core\.\w*Attribute$/.test(type));
  if (mark !== undefined || references.includes('FSharp.Core')) {
    return { is: 'F#', because: `refers to ${mark ?? 'FSharp.Core'}: F#` };
  }
  const helper = types.find((type) => type.startsWith('Microsoft.VisualBasic.CompilerServices.'));
  return helper === undefined
    ? { is: 'C#', because: 'has no marks of F# or Visual Basic: C#' }
    : { is: 'Visual Basic', because: `refers to ${helper}: Visual Basic` };
}

/** The SDK writes it for apps it trims, with a value that only a project says otherwise. */
const trimSwitch = 'Microsoft.Extensions.DependencyInjection.VerifyOpenGenericServiceTrimmability';

/** By what the app is known to be trimmed. */
function trimmedOf(
  { kind }: Placed,
  { names, place }: AppParts,
  config: RuntimeConfig | undefined,
): string | undefined {
  if (kind === 'native-aot' || config?.frameworkDependent) return undefined;
  if (config?.properties.has(trimSwitch))
    return `its runtimeconfig.json sets ${trimSwitch}: trimmed`;
  // A facade that every runtime has, and no code needs.
  return names.has('System.Private.CoreLib.dll') && !names.has('WindowsBase.dll')
    ? `WindowsBase.dll of the runtime is not in ${place}: trimmed`
    : undefined;
}

/** `.NETCoreApp,Version=v10.0` as projects write it. */
function shortName(framework: string): string {
  const version = /^\.NETCoreApp,Version=v([0-9]+\.[0-9]+)/.exec(framework)?.[1];
  if (version === undefined) return framework;
  return `${Number.parseInt(version, 10) < 5 ? 'netcoreapp' : 'net'}${version}`;
}
