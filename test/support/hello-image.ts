import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BuiltImage, buildImage } from './image.ts';
import { directory, file } from './layers.ts';
import { top } from './top.ts';

/** Where `dotnet publish` put the Native AOT app. */
const published = join(top, 'fixtures/apps/hello-aot/publish/hello-aot');

/** The image that .NET's SDK would make of `hello-aot`: a small base and one layer with the app. */
export async function helloImage(cmd = ['a disk', 'made without root']): Promise<BuiltImage> {
  const app = await readFile(published);
  return buildImage({
    layers: [
      [
        directory('etc'),
        file('etc/passwd', 'root:x:0:0::/root:/bin/false\napp:x:1654:1654::/home/app:/bin/false\n'),
        file('etc/group', 'root:x:0:\napp:x:1654:\n'),
        directory('home'),
        directory('home/app', { uid: 1654, gid: 1654 }),
        directory('tmp', { mode: 0o1777 }),
      ],
      [directory('app'), file('app/hello-aot', app, { mode: 0o755 })],
    ],
    config: {
      User: '1654',
      Env: [
        'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        'APP_UID=1654',
        'DOTNET_RUNNING_IN_CONTAINER=true',
        'DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=true',
      ],
      WorkingDir: '/app',
      Entrypoint: ['/app/hello-aot'],
      Cmd: cmd,
    },
  });
}
