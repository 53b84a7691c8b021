export { until } from '../../examples/demo/until.js';
