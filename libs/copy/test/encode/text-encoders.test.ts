import { TEXT_CASES } from './text-cases.ts';
import { describeEncoders } from './encoders.ts';

describeEncoders('texts', TEXT_CASES);
