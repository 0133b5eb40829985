import { describeEncoders } from './encoders.ts';
import { TIMESTAMP_CASES } from './time-cases.ts';

describeEncoders('timestamps', TIMESTAMP_CASES);
