import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {existsSync} from 'node:fs';
import {createServer} from 'node:net';
import {delimiter, join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {CreateBucketCommand, S3Client} from '@aws-sdk/client-s3';

/** Where a program is; undefined when this machine does not have it. */
export function programPath(name: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

export const testCredentials = {accessKeyId: 'AKIATESTTESTTEST', secretAccessKey: 'c2VjcmV0LWZvci10ZXN0cw'};

/** Starts moto, an S3 server that nobody here wrote, with one bucket. */
export async function startMoto(bucket: string): Promise<{readonly endpoint: string; close(): Promise<void>}> {
  const port = await freePort();
  const child = spawn(programPath('moto_server')!, ['-H', '127.0.0.1', '-p', String(port)], {stdio: 'ignore'});
  const endpoint = `http://127.0.0.1:${port}`;
  const close = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: testCredentials,
    maxAttempts: 1,
  });
  for (let tries = 0; ; tries++) {
    try {
      await client.send(new CreateBucketCommand({Bucket: bucket}));
      client.destroy();
      return {endpoint, close};
    } catch (error) {
      if (tries > 100) {
        await close();
        throw error;
      }
      await sleep(200);
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const {port} = server.address() as {port: number};
  server.close();
  return port;
}
