import {type AddressInfo, connect, createServer, type Socket} from 'node:net';
import type {DeploymentRecord, ServiceRecord} from './records.js';
import {inBackground, pause, type World} from './world.js';

/** A TCP proxy: a port of its own that leads to whatever serves behind it. */
export interface Forwarder {
  readonly port: number;
  close(): Promise<void>;
}

/** @param target port on this machine; undefined refuses the connection. */
export async function startForwarder(target: () => number | undefined): Promise<Forwarder> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const port = target();
    if (port === undefined) return void near.destroy();
    const far = connect(port, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve());
  });
  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return {port: (server.address() as AddressInfo).port, close};
}

/** Where the proxy of a service leads to; undefined while it is not active or nothing serves. */
export function proxyTarget(service: ServiceRecord): number | undefined {
  const serving = service.serving;
  if (service.tcpProxy?.syncStatus !== 'ACTIVE' || !serving || serving.takenDown) return undefined;
  return serving.databasePort ?? serving.container?.port;
}

/** A proxy that was made through the API works from the next deployment on. */
export function activateProxy(world: World, service: ServiceRecord, deployment: DeploymentRecord): void {
  const proxy = service.tcpProxy;
  if (proxy?.syncStatus !== 'CREATING' || proxy.after === undefined) return;
  if (world.deployments.indexOf(deployment) < proxy.after) return;
  inBackground(
    world,
    pause(world, world.delays.workflow).then(() => {
      proxy.syncStatus = 'ACTIVE';
    }),
  );
}
