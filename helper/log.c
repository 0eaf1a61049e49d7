/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "helper.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *log_error(int error)
{
	const char *text = strerrordesc_np(error < 0 ? -error : error);

	return text ? text : "unknown error";
}

void log_say(struct helper *helper, enum fg_log_level level, const char *format, ...)
{
	struct {
		struct fg_log log;
		char text[512];
	} frame;
	va_list arguments;
	int length;

	memset(&frame, 0, sizeof frame);
	va_start(arguments, format);
	length = vsnprintf(frame.text, sizeof frame.text, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	if ((size_t)length >= sizeof frame.text)
		length = (int)sizeof frame.text - 1;
	for (int i = 0; i < length; i++) /* one line, whatever a name contains */
		if ((unsigned char)frame.text[i] < 0x20 || frame.text[i] == 0x7f)
			frame.text[i] = '?';
	frame.log.level = level;
	frame.log.length = (uint32_t)length;
	if (level == FG_LOG_ERROR)
		fprintf(stderr, "flowglass-helper: %s\n", frame.text);
	/* A queue without room loses the line, not the session: an error has also gone to standard error. */
	if (helper->channel.fd >= 0)
		(void)channel_control(helper, FG_FRAME_LOG, &frame, (uint32_t)sizeof frame.log + (uint32_t)length);
}
