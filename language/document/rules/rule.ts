import type { Expression, Type } from '../../expression/index.js';
import type { JsonObject } from '../../json.js';
import type { Library } from '../library.js';
import type { Place, Places } from '../place.js';
import type { Said } from '../problem.js';
import type { Sort } from '../sort.js';
import type { Spot } from './spots.js';
import type { Types } from './types.js';

/** What a rule may look at. */
export interface Context {
  sort: Sort;
  /** The document in long form. */
  long: JsonObject;
  places: Places;
  library: Library;
  types: Types;
  spots: readonly Spot[];
  report(place: Place, said: Said): void;
  /** Told of each expression that is right, with the object of the long form that holds it. */
  checked?(of: object, expression: Expression, type: Type): void;
}

/** A rule for everything that acts. */
export type SpotRule = (spot: Spot, context: Context) => void;

/** A rule for a document as a whole. */
export type DocumentRule = (context: Context) => void;
