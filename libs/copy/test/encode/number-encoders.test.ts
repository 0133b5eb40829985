import { NUMBER_CASES } from './number-cases.ts';
import { describeEncoders } from './encoders.ts';

describeEncoders('numbers', NUMBER_CASES);
