import { CODED_CASES } from './coded-cases.ts';
import { describeEncoders } from './encoders.ts';

describeEncoders('uuid, bytea and enums', CODED_CASES);
