import { withoutExpiry } from './guards-off.js';

/*
 * A process that tells people: the worker of the engine's tests, or with CHAOS_ALONE its teller
 * alone. With CHAOS_OFF=expiry what a dead one had claimed stays claimed for ever.
 */
if (process.env['CHAOS_OFF'] === 'expiry') withoutExpiry();
if (process.env['CHAOS_ALONE']) await import('./teller.js');
else await import('../helpers/engine-worker.js');
