/** Installed: how each service of test/services/install is started. Every credential is taken for a good one, but by versitygw. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { type Service, startService } from './service.ts';

const FOLDER = import.meta.dirname;
/** Python with moto, for other Python programs too. */
const PYTHON = join(FOLDER, '.installed', 'python', 'bin', 'python');
/** What versitygw knows; everybody else takes anything. */
export const ACCESS_KEY = 'AKIDTEST';
export const SECRET_KEY = 'secret-of-the-tests';

/** moto, all of its services behind one endpoint, one request at a time. */
export function startMoto(): Promise<Service> {
  return startService(() => ({
    name: 'moto',
    command: PYTHON,
    args: [join(FOLDER, 'locked-moto.py')],
    readyPattern: /Running on http:\/\/127\.0\.0\.1:(\d+)/,
  }));
}

/** versitygw over a folder of its own, with one empty bucket. */
export function startVersitygw(bucket: string): Promise<Service> {
  return inFolder('versitygw', async (folder) => {
    const [objects, metadata] = [join(folder, 'objects'), join(folder, 'metadata')];
    await mkdir(join(objects, bucket), { recursive: true });
    await mkdir(metadata);
    return startService((port) => ({
      name: 'versitygw',
      command: join(FOLDER, '.installed', 'bin', 'versitygw'),
      // Metadata in files: extended attributes are not on every file system.
      args: [
        ...['--port', `127.0.0.1:${port}`, '--keep-alive'],
        ...['posix', '--sidecar', metadata, objects],
      ],
      env: { ROOT_ACCESS_KEY: ACCESS_KEY, ROOT_SECRET_KEY: SECRET_KEY },
      readyPattern: /service listening on/,
    }));
  });
}

/** kinesis-local, a dependency of the project's tests. */
export function startKinesisLocal(): Promise<Service> {
  const main = createRequire(import.meta.url).resolve('kinesis-local/main.js');
  return startService((port) => ({
    name: 'kinesis-local',
    command: process.execPath,
    args: [main],
    cwd: dirname(main),
    // It always wants a second port, for TLS: any that is free, which 0 stands for.
    env: { KINESIS_MOCK_PLAIN_PORT: String(port), KINESIS_MOCK_TLS_PORT: '0', LOG_LEVEL: 'INFO' },
    readyPattern: /Starting Kinesis Plain Mock Service/,
  }));
}

/** kinesalite. It speaks HTTP/1.1 and asks for streams by name. */
export function startKinesalite(): Promise<Service> {
  return startService((port) => ({
    name: 'kinesalite',
    command: process.execPath,
    args: [
      join(FOLDER, '.installed', 'node_modules', 'kinesalite', 'cli.js'),
      '--port',
      String(port),
      '--shardLimit',
      '100',
    ],
    readyPattern: /Listening at/,
  }));
}

/**
 * nginx with one server on loopback.
 * @param server What stands in `server { }` beside `listen`. @param http What stands beside it, in `http { }`.
 */
export function startNginx(server: string, http = ''): Promise<Service> {
  return inFolder('nginx', (folder) =>
    startService(async (port) => {
      await writeFile(join(folder, 'nginx.conf'), nginxConfig(folder, port, server, http));
      return {
        name: 'nginx',
        command: 'nginx',
        args: ['-e', 'stderr', '-c', join(folder, 'nginx.conf')],
        readyPattern: /start worker processes/,
      };
    }),
  );
}

function nginxConfig(folder: string, port: number, server: string, http: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
daemon off;
user ${userInfo().username};
pid ${folder}/pid;
error_log stderr notice;
events {}
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  ${http}
  server {
    listen 127.0.0.1:${port};
    ${server}
  }
}
`;
}

/** Starts a service that has a folder of its own; both go together. */
async function inFolder(name: string, start: (folder: string) => Promise<Service>): Promise<Service> {
  const folder = await mkdtemp(join(tmpdir(), `millrace-${name}-`));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const service = await start(folder);
    return { ...service, close: () => service.close().then(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}
