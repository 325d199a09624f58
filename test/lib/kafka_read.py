"""Reads all of a topic with librdkafka itself, by its C interface: not by our code."""
import collections
import ctypes
import ctypes.util


class Message(ctypes.Structure):
    _fields_ = [("err", ctypes.c_int), ("rkt", ctypes.c_void_p), ("partition", ctypes.c_int32),
                ("payload", ctypes.c_void_p), ("len", ctypes.c_size_t), ("key", ctypes.c_void_p),
                ("key_len", ctypes.c_size_t), ("offset", ctypes.c_int64), ("_private", ctypes.c_void_p)]


Read = collections.namedtuple("Read", "partition offset key payload headers")  # headers: [(name, value)]
PARTITION_EOF = -191
BEGINNING = -2


def library():
    rk = ctypes.CDLL(ctypes.util.find_library("rdkafka") or "librdkafka.so.1")
    for name, result, arguments in (
            ("rd_kafka_conf_new", ctypes.c_void_p, []),
            ("rd_kafka_conf_set", ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p,
                                                 ctypes.c_size_t]),
            ("rd_kafka_new", ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]),
            ("rd_kafka_topic_partition_list_new", ctypes.c_void_p, [ctypes.c_int]),
            ("rd_kafka_topic_partition_list_add", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32]),
            ("rd_kafka_topic_partition_list_set_offset", ctypes.c_int,
             [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int64]),
            ("rd_kafka_topic_partition_list_destroy", None, [ctypes.c_void_p]),
            ("rd_kafka_assign", ctypes.c_int, [ctypes.c_void_p, ctypes.c_void_p]),
            ("rd_kafka_poll_set_consumer", ctypes.c_int, [ctypes.c_void_p]),
            ("rd_kafka_consumer_poll", ctypes.POINTER(Message), [ctypes.c_void_p, ctypes.c_int]),
            ("rd_kafka_message_headers", ctypes.c_int, [ctypes.POINTER(Message), ctypes.POINTER(ctypes.c_void_p)]),
            ("rd_kafka_header_get_all", ctypes.c_int,
             [ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_char_p), ctypes.POINTER(ctypes.c_void_p),
              ctypes.POINTER(ctypes.c_size_t)]),
            ("rd_kafka_message_destroy", None, [ctypes.POINTER(Message)]),
            ("rd_kafka_consumer_close", ctypes.c_int, [ctypes.c_void_p]),
            ("rd_kafka_destroy", None, [ctypes.c_void_p])):
        function = getattr(rk, name)
        function.restype, function.argtypes = result, arguments
    return rk


def headers_of(rk, message):
    headers, found = ctypes.c_void_p(), []
    if rk.rd_kafka_message_headers(message, ctypes.byref(headers)) != 0:
        return found
    name, value, size = ctypes.c_char_p(), ctypes.c_void_p(), ctypes.c_size_t()
    while rk.rd_kafka_header_get_all(headers, len(found), ctypes.byref(name), ctypes.byref(value), ctypes.byref(size)) == 0:
        found.append((name.value.decode(), ctypes.string_at(value, size.value)))
    return found


def read_topic(brokers, topic, partitions, seconds=60):
    """All messages' bytes, as a list."""
    return [m.payload for m in read_messages(brokers, topic, partitions, seconds)]


def read_messages(brokers, topic, partitions, seconds=60):
    """All messages, each partition's in its order."""
    rk, said = library(), ctypes.create_string_buffer(512)
    conf = rk.rd_kafka_conf_new()
    for name, value in (("bootstrap.servers", brokers), ("group.id", "penstock-test"), ("enable.partition.eof", "true"),
                        ("enable.auto.commit", "false"), ("log_level", "0")):
        if rk.rd_kafka_conf_set(conf, name.encode(), value.encode(), said, len(said)) != 0:
            raise RuntimeError(said.value.decode())
    consumer = rk.rd_kafka_new(1, conf, said, len(said))
    if not consumer:
        raise RuntimeError(said.value.decode())
    rk.rd_kafka_poll_set_consumer(consumer)
    wanted = rk.rd_kafka_topic_partition_list_new(partitions)
    for partition in range(partitions):
        rk.rd_kafka_topic_partition_list_add(wanted, topic.encode(), partition)
        rk.rd_kafka_topic_partition_list_set_offset(wanted, topic.encode(), partition, BEGINNING)
    rk.rd_kafka_assign(consumer, wanted)
    rk.rd_kafka_topic_partition_list_destroy(wanted)
    messages, at_end, polls = [], set(), 0
    while len(at_end) < partitions:
        got = rk.rd_kafka_consumer_poll(consumer, 200)
        if not got:
            polls += 1
            if polls > seconds * 5:
                raise RuntimeError(f"{topic}: the end of {partitions - len(at_end)} partitions was not reached")
            continue
        m = got.contents
        if m.err == PARTITION_EOF:
            at_end.add(m.partition)
        elif m.err == 0:
            key = ctypes.string_at(m.key, m.key_len) if m.key else None
            messages.append(Read(m.partition, m.offset, key, ctypes.string_at(m.payload, m.len), headers_of(rk, got)))
        rk.rd_kafka_message_destroy(got)
    rk.rd_kafka_consumer_close(consumer)
    rk.rd_kafka_destroy(consumer)
    return messages
