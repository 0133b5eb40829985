import { JSON_CASES } from './json-cases.ts';
import { describeEncoders } from './encoders.ts';

describeEncoders('json and jsonb', JSON_CASES);
