import type { Assembly, MemberReference } from '../dotnet/metadata/assembly.ts';

/** Tells what of an assembly shows that it uses something; undefined where it does not. */
export type Use = (assembly: Assembly) => string | undefined;

/** A method or constructor of a type that is called by one of `names`. */
export function member(type: string, ...names: readonly string[]): Use {
  return ({ members }) => {
    const one = members.find((each) => each.type === type && names.includes(each.name));
    return one && nameOf(one);
  };
}

/** Functions of the C library that start processes; `native-process` tells of all of them. */
export const processFunctions = /^(?:v?fork|exec[lv][pe]*|posix_spawnp?|system|popen)$/;

/** A function of the C library. */
export function nativeCall(names: RegExp): Use {
  return ({ imports }) => {
    const one = imports.find(
      ({ library, name }) => /^libc(?:\.|$)/.test(library) && names.test(name),
    );
    return one && `${one.library}!${one.name}`;
  };
}

/** An assembly of one of these names. */
export function reference(names: RegExp): Use {
  return ({ references }) => references.find((name) => names.test(name));
}

/** ECMA-335, II.23.1.16. */
const elementString = 0x0e;

/**
 * `new Mutex(bool, string, …)`, `EventWaitHandle.OpenExisting(string)`: a method that takes a string. A
 * signature is kind, count, types (II.23.2.1). That a string is null cannot be seen.
 */
export function named(type: RegExp, ...names: readonly string[]): Use {
  return ({ members }) => {
    const one = members.find(
      (each) =>
        type.test(each.type) &&
        names.includes(each.name) &&
        each.signature.includes(elementString, 3),
    );
    return one && nameOf(one);
  };
}

/** The first of several that is used. */
export function anyOf(...uses: readonly Use[]): Use {
  return (assembly) => {
    for (const use of uses) {
      const found = use(assembly);
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

/** Services of ASP.NET Core that add data protection, as was seen of .NET 10. */
const protecting =
  /^Add(?:Antiforgery|Authentication|ControllersWithViews|DataProtection|DefaultIdentity|Identity|Mvc|RazorComponents|RazorPages|ServerSideBlazor|Session)$/;

/** Data protection whose keys nobody is told to keep. */
export function protectsData({ members }: Assembly): string | undefined {
  const isKept = members.some(({ name }) =>
    /^PersistKeysTo|^UseEphemeralDataProtection/.test(name),
  );
  const one = members.find(
    ({ type, name }) =>
      protecting.test(name) && type.startsWith('Microsoft.Extensions.DependencyInjection.'),
  );
  return isKept ? undefined : one && nameOf(one);
}

/** Of the library's types these do without OpenSSL. */
const withoutOpenssl =
  /\.(?:CryptographicException|CryptographicOperations|CryptoStream|CryptoStreamMode|(?:To|From)Base64Transform\w*|ICryptoTransform)$/;

const secretTypes =
  /^System\.Security\.Cryptography\.|^System\.Net\.Security\.Ssl|^System\.Net\.Http\.(?:HttpClient|HttpClientHandler|SocketsHttpHandler)$/;

/** TLS, cryptography, and what is likely to come to it: a client of HTTP, data protection. */
export const usesCryptography: Use = anyOf(
  ({ types }) => types.find((type) => secretTypes.test(type) && !withoutOpenssl.test(type)),
  member('Microsoft.AspNetCore.Hosting.ListenOptionsHttpsExtensions', 'UseHttps'),
  protectsData,
);

function nameOf({ type, name }: MemberReference): string {
  return name === '.ctor' ? `new ${type}` : `${type}.${name}`;
}
