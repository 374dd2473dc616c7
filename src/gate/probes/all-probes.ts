import type {CheckKind} from '../policy.js';
import {probeCors, probeTenant} from './contracts.js';
import {dnsProbe} from './dns.js';
import {probeHttp} from './http.js';
import {probePostgres} from './postgres.js';
import type {Probe} from './probe.js';
import {probeSequence} from './sequence.js';
import {probeTcp, probeTls} from './socket.js';
import {probeWebSocket} from './websocket.js';

/** The probe of each kind of check. */
export const allProbes: Readonly<Record<CheckKind, Probe>> = {
  http: probeHttp,
  tls: probeTls,
  dns: dnsProbe(),
  tcp: probeTcp,
  websocket: probeWebSocket,
  postgres: probePostgres,
  cors: probeCors,
  tenant: probeTenant,
  sequence: probeSequence,
};
