import type {CheckKind} from '../policy.js';
import {probeHttp} from './http.js';
import type {Probe} from './probe.js';

/** The probe of each kind of check. */
export const allProbes = {http: probeHttp} as Readonly<Record<CheckKind, Probe>>;
