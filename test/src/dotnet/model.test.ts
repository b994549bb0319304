import { describe, expect, test } from 'vitest';
import { buildAssembly } from './assembly-builder.ts';
import { aspnet, core, describeImage, type ImageFiles, managed } from './image-builder.ts';

/** An app with the framework of ASP.NET Core, whose entry assembly refers to these. */
function modelOf(references: readonly string[], others: ImageFiles = {}) {
  const entry = buildAssembly({ references: ['System.Runtime', ...references] });
  const {
    model,
    aspnet: isServer,
    evidence,
  } = describeImage(
    {
      ...managed('app', { frameworks: [core('10.0.0'), aspnet('10.0.0')] }),
      '/app/app.dll': entry,
      ...others,
    },
    { Cmd: ['dotnet', '/app/app.dll'] },
  );
  return { model, isServer, evidence: evidence.at(-1) };
}

const refersTo = (...references: string[]) => buildAssembly({ references });

describe('the model of an app with the framework of ASP.NET Core', () => {
  test.each([
    'Microsoft.AspNetCore',
    'Microsoft.AspNetCore.Hosting',
    'Microsoft.AspNetCore.Server.Kestrel',
  ])('is a server when its entry assembly refers to %s', (reference) => {
    expect(modelOf([reference])).toEqual({
      model: 'aspnet',
      isServer: true,
      evidence: 'its runtimeconfig.json names Microsoft.AspNetCore.App: ASP.NET Core',
    });
  });

  test('is a worker when a generic host is all that it starts', () => {
    expect(modelOf(['Microsoft.Extensions.Hosting', 'Microsoft.AspNetCore.Http'])).toEqual({
      model: 'worker',
      isServer: false,
      evidence:
        '/app/app.dll refers to Microsoft.Extensions.Hosting, and nothing starts a server of ASP.NET Core: a worker',
    });
  });

  test('is a console app when it starts no host either', () => {
    expect(modelOf([])).toMatchObject({ model: 'console', isServer: false });
  });

  test('is a server when a library beside it starts one, and not for what .NET has itself', () => {
    const worker = ['Microsoft.Extensions.Hosting'];
    const ofDotnet = {
      '/app/Microsoft.AspNetCore.OpenApi.dll': refersTo('Microsoft.AspNetCore'),
      '/app/Middleware.dll': refersTo('Microsoft.AspNetCore.Http.Abstractions'),
      '/app/broken.dll': 'MZ',
    };
    expect(modelOf(worker, ofDotnet)).toMatchObject({ model: 'worker' });
    const bootstrap = { '/app/Company.Web.dll': refersTo('Microsoft.AspNetCore') };
    expect(modelOf(worker, { ...ofDotnet, ...bootstrap })).toEqual({
      model: 'aspnet',
      isServer: true,
      evidence:
        'its runtimeconfig.json names Microsoft.AspNetCore.App, and Company.Web.dll starts its server: ASP.NET Core',
    });
  });

  test('is a server when its entry assembly cannot be read', () => {
    expect(modelOf([], { '/app/app.dll': 'MZ' })).toMatchObject({ model: 'aspnet' });
  });
});
