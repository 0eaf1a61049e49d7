#!/usr/bin/python3
"""A desktop's notification server (org.freedesktop.Notifications): one JSON line for each notice that it shows."""
import json
import dbus
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

NAME = "org.freedesktop.Notifications"


class Notifications(dbus.service.Object):
    @dbus.service.method(NAME, in_signature="susssasa{sv}i", out_signature="u")
    def Notify(self, app, _replaces, _icon, title, body, _actions, hints, _timeout):
        print(json.dumps({"app": app, "title": title, "body": body, "urgency": int(hints.get("urgency", -1))}), flush=True)
        return dbus.UInt32(1)

    @dbus.service.method(NAME, out_signature="as")
    def GetCapabilities(self):
        return ["body"]

    @dbus.service.method(NAME, out_signature="ssss")
    def GetServerInformation(self):
        return ("lab", "flowglass", "1", "1.2")


DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
name = dbus.service.BusName(NAME, bus)
Notifications(bus, "/org/freedesktop/Notifications")
print(json.dumps({"bus": __import__("os").environ["DBUS_SESSION_BUS_ADDRESS"]}), flush=True)
GLib.MainLoop().run()
