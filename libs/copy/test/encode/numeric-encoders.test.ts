import { describeEncoders } from './encoders.ts';
import { NUMERIC_CASES } from './number-cases.ts';

describeEncoders('numeric', NUMERIC_CASES);
