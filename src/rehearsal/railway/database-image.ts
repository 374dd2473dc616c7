import {logLine} from './journal.js';
import type {DeploymentRecord, ServiceRecord} from './records.js';
import {Ended} from './status.js';
import {processVariables} from './variables.js';
import {inBackground, pause, volumeOf, type World} from './world.js';

/** The platform's PostgreSQL image: what it asks of its environment, and the real server that stands for it. */

const image = /^ghcr\.io\/railwayapp-templates\/postgres-ssl:(\d+)$/;
const mountPath = '/var/lib/postgresql/data';

export function isDatabase(world: World, {source}: DeploymentRecord): boolean {
  return source.kind === 'image' && image.test(source.image) && world.options.startDatabase !== undefined;
}

/** Starts the server of the service's volume, or finds it running: data outlives a deployment. */
export async function openDatabase(world: World, service: ServiceRecord, deployment: DeploymentRecord): Promise<void> {
  const env = processVariables(world, service, deployment);
  const volume = volumeOf(world, service);
  const complaint = complaintOf(env, volume?.mountPath);
  if (complaint || !volume) {
    logLine(world, deployment, complaint ?? '', 'stderr');
    throw new Ended('CRASHED', complaint ?? 'The process kept exiting');
  }
  let running = world.databases.get(volume.id);
  const fresh = !running;
  if (!running) {
    const user = env.POSTGRES_USER || 'postgres';
    running = world.options.startDatabase!({
      major: Number(image.exec(deployment.source.kind === 'image' ? deployment.source.image : '')?.[1]),
      user,
      password: env.POSTGRES_PASSWORD ?? '',
      database: env.POSTGRES_DB || user,
    });
    world.databases.set(volume.id, running);
  }
  const {port} = await running;
  const open = () => {
    deployment.databasePort = port;
  };
  if (fresh && world.delays.initdb > 0) inBackground(world, pause(world, world.delays.initdb).then(open));
  else open();
  logLine(world, deployment, 'database system is ready to accept connections', 'stdout');
}

/** The checks of the image's start script and of the entry point behind it, in their order. */
function complaintOf(env: Readonly<Record<string, string>>, mounted: string | undefined): string | undefined {
  if (mounted !== mountPath)
    return `Railway volume not mounted to the correct path, expected ${mountPath} but got ${mounted ?? ''}`;
  if (!env.PGDATA?.startsWith(mountPath))
    return `PGDATA variable does not start with the expected volume mount path, expected to start with ${mountPath}`;
  // The root of a fresh volume holds a folder of the file system's.
  if (env.PGDATA.replace(/\/$/, '') === mountPath)
    return `initdb: error: directory "${mountPath}" exists but is not empty`;
  if (!env.POSTGRES_PASSWORD) return 'Error: Database is uninitialized and superuser password is not specified.';
  return undefined;
}

const internal = /\b([a-z0-9-]+)\.railway\.internal:5432\b/gi;

/**
 * On the platform `<service>.railway.internal` is a name of the private network. Nothing on this machine resolves it,
 * so a process gets the address of the database it stands for instead.
 */
export function withAddresses(world: World, env: Readonly<Record<string, string>>): Record<string, string> {
  const address = (whole: string, name: string) => {
    const service = world.services.find((one) => one.name.toLowerCase() === name.toLowerCase());
    const port = service?.serving?.databasePort;
    return port === undefined ? whole : `127.0.0.1:${port}`;
  };
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.replace(internal, address)]));
}

/** Ends proxies and servers; the data goes with them. */
export async function closeDatabases(world: World): Promise<void> {
  const forwarders = [...world.forwarders.values()];
  const databases = [...world.databases.values()];
  world.forwarders.clear();
  world.databases.clear();
  await Promise.allSettled([
    ...forwarders.map((one) => one.close()),
    ...databases.map(async (one) => (await one).close()),
  ]);
}
