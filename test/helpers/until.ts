export { until } from '../../lab/until.js';
