import { CopylineError } from '@copyline/contracts';
import { Body, Controller, Delete, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import type { CookieOptions, Request, Response } from 'express';
import { z } from 'zod';

import { SESSION_COOKIE, sessionOf } from '../http/authentication.ts';
import { parseRequest } from '../http/problem.ts';
import { SchedulerService } from '../scheduler.service.ts';

export const signInSchema = z.strictObject({ token: z.string().min(1).max(512) });

/** A browser shows the token once and gets a session: scripts of the page never see either again. */
@Controller('api/v1/session')
export class SessionController {
  readonly #service: SchedulerService;

  constructor(@Inject(SchedulerService) service: SchedulerService) {
    this.#service = service;
  }

  /** Answers 401 by itself when there is no session. */
  @Get()
  find(): { signedIn: true } {
    return { signedIn: true };
  }

  @Post()
  @HttpCode(204)
  async signIn(
    @Body() body: unknown,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    const { token } = parseRequest(signInSchema, body);
    const session = await this.#service.access.openSession(token);
    if (session === undefined) {
      throw new CopylineError('UNAUTHENTICATED', 'The access token is wrong');
    }
    const { secret, hours } = session;
    response.cookie(SESSION_COOKIE, secret.reveal(), {
      ...cookieOptions(request),
      maxAge: hours * 3_600_000,
    });
  }

  @Delete()
  @HttpCode(204)
  async signOut(
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    const session = sessionOf(request);
    if (session !== undefined) await this.#service.access.closeSession(session);
    response.clearCookie(SESSION_COOKIE, cookieOptions(request));
  }
}

function cookieOptions(request: Request): CookieOptions {
  return { httpOnly: true, sameSite: 'strict', secure: request.secure, path: '/' };
}
